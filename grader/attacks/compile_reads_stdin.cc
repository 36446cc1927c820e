// Waits for text that never comes.

#include "/dev/stdin"
int main() {}

// Waits for somebody to type.

#include "/dev/tty"
int main() {}

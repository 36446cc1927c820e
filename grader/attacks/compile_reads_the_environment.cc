// Includes the environment of the compiler.

#include "/proc/self/environ"
int main() {}

// Has the compiler print a file, line by line, in what it complains about.

#include "/etc/passwd"
int main() {}

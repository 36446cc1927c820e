// Puts a file that never ends into the program.

asm(".incbin \"/dev/zero\"");
int main() {}

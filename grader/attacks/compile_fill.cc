// Has the assembler write gigabytes.

asm(".fill 0x100000000, 1, 0x90");
int main() {}

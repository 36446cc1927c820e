// Puts what it must not see into the program, to print it later.

asm(".incbin \"/judge/course/grader/judging.py\"");
int main() {}

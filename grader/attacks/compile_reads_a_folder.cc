// Includes a folder.

#include "."
int main() {}

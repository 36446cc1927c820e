// Includes itself, without end.

#include "unclosed_end.cc"
int main() {}

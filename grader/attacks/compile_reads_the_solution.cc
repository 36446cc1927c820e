// Includes the program of the lab.

#include "/course/labs/pipes/main.cc"

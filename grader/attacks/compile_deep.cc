// Nests so deeply that the compiler's stack is too small.

#define P1 ((((((((((
#define P2 P1 P1 P1 P1 P1 P1 P1 P1 P1 P1
#define P3 P2 P2 P2 P2 P2 P2 P2 P2 P2 P2
#define P4 P3 P3 P3 P3 P3 P3 P3 P3 P3 P3
#define P5 P4 P4 P4 P4 P4 P4 P4 P4 P4 P4
#define P6 P5 P5 P5 P5 P5 P5 P5 P5 P5 P5
int main() { return P6 0; }

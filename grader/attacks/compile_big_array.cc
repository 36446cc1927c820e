// A program of 2 GiB, nearly all of it zeros.

char big[1U << 31] = {1};
int main() { return big[0]; }

// An error whose text a terminal or a page would obey: the test puts it here.

#error "HOSTILE_TEXT"
int main() {}

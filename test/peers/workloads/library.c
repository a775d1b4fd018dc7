/* A library of the programs' own. */
int answer(void) { return 42; }

/* What the observer's tests run in containers: a program for each macro, so that each has a build-id of its own. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

int answer(void);
/* Else programs of the same code had the same build-id. */
__attribute__((used)) static const char own[] = NAME;
extern char **environ;

static void stay(void)
{
	for (;;)
		pause();
}

/* Into a descriptor that is open already. */
static void copy(const char *from, int to)
{
	char bytes[65536];
	int file = open(from, O_RDONLY | O_CLOEXEC);
	for (ssize_t got; (got = read(file, bytes, sizeof bytes)) > 0;)
		if (write(to, bytes, got) != got)
			abort();
}

int main(int argc, char **argv)
{
	(void)argc;
#if defined(WAIT)
	if (answer() == 42)
		stay();
#elif defined(BRIEF)
	/* [STATUS]: ends after 5 ms. */
	usleep(5000);
	return answer() - 42 + (argc > 1 ? atoi(argv[1]) : 0);
#elif defined(PLAIN)
	stay();
#elif defined(DELETED)
	unlink(argv[0]);
	stay();
#elif defined(MEMORY)
	int file = memfd_create("payload", 0);
	copy(argv[1], file);
	fexecve(file, (char *[]){"payload", NULL}, environ);
#elif defined(RENAMED)
	prctl(PR_SET_NAME, "a) R 1 (b", 0, 0, 0);
	memset(argv[0], 'x', strlen(argv[0]));
	stay();
#elif defined(DROP)
	/* FROM TO [SECONDS]: writes a copy, and becomes it; with SECONDS a child does so then, and this one stays. */
	if (argc > 3 && fork() > 0)
		stay();
	if (argc > 3)
		sleep(atoi(argv[3]));
	unlink(argv[2]);
	int file = open(argv[2], O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	copy(argv[1], file);
	close(file);
	execve(argv[2], (char *[]){argv[2], NULL}, environ);
#endif
	return 1;
}

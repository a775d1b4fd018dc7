/*
 * An OCI runtime that does the least: a process in the root of the bundle, stopped before its program until `start`. With
 * runc two cores start some ten containers a second, and the bench could not ask for more; the rest of the way (containerd,
 * its shim, mounts, events) is the real one.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

static const char *path_of(const char *folder, const char *name) {
  char *path;
  if (asprintf(&path, "%s/%s", folder, name) < 0) fail("asprintf");
  return path;
}

static void make_folders(const char *path) {
  char *copy = strdup(path);
  for (char *at = copy + 1; *at; at++) {
    if (*at != '/') continue;
    *at = 0;
    mkdir(copy, 0711);
    *at = '/';
  }
  mkdir(copy, 0711);
}

static char *read_text(const char *path) {
  static char text[1 << 20];
  int file = open(path, O_RDONLY);
  ssize_t size = file < 0 ? -1 : read(file, text, sizeof text - 1);
  if (size < 0) fail(path);
  close(file);
  text[size] = 0;
  return text;
}

static void write_number(const char *path, int number) {
  FILE *file = fopen(path, "w");
  if (!file) fail(path);
  fprintf(file, "%d", number);
  fclose(file);
}

static void create(const char *folder, const char *bundle, const char *pid_file) {
  char *args = strstr(read_text(path_of(bundle, "config.json")), "\"args\":[\"");
  if (!args) fail("no command in config.json");
  char *program = strndup(args + 9, strcspn(args + 9, "\""));
  make_folders(folder);
  const char *gate = path_of(folder, "gate");
  if (mkfifo(gate, 0600)) fail(gate);
  pid_t pid = fork();
  if (pid < 0) fail("fork");
  if (pid == 0) {
    setsid();
    int open_gate = open(gate, O_RDONLY | O_CLOEXEC);
    char sign;
    if (read(open_gate, &sign, 1) != 1 || chroot(path_of(bundle, "rootfs")) || chdir("/")) fail("start");
    char *command[] = {program, NULL}, *environment[] = {NULL};
    execve(program, command, environment);
    fail(program);
  }
  write_number(path_of(folder, "pid"), pid);
  write_number(pid_file, pid);
}

/* Comes back when the program has taken the place of this one: its end of the gate is closed then. */
static void start(const char *folder) {
  int gate = open(path_of(folder, "gate"), O_WRONLY);
  if (gate < 0 || write(gate, "s", 1) != 1) fail("gate");
  struct pollfd closed = {.fd = gate, .events = 0};
  poll(&closed, 1, 5000);
}

int main(int count, char **arguments) {
  const char *root = "/run/bench", *bundle = ".", *pid_file = "/dev/null", *words[8] = {0};
  int found = 0;
  signal(SIGPIPE, SIG_IGN);
  for (int at = 1; at < count; at++) {
    const char *argument = arguments[at];
    if (!strcmp(argument, "--root")) root = arguments[++at];
    else if (!strcmp(argument, "--bundle")) bundle = arguments[++at];
    else if (!strcmp(argument, "--pid-file")) pid_file = arguments[++at];
    else if (!strcmp(argument, "--log") || !strcmp(argument, "--log-format") || !strcmp(argument, "--console-socket")) at++;
    else if (argument[0] != '-' && found < 8) words[found++] = argument;
  }
  if (found < 2) return 0;
  const char *folder = path_of(root, words[1]);
  if (!strcmp(words[0], "create")) create(folder, bundle, pid_file);
  else if (!strcmp(words[0], "start")) start(folder);
  else if (!strcmp(words[0], "kill")) return kill(atoi(read_text(path_of(folder, "pid"))), SIGKILL) ? 1 : 0;
  else if (!strcmp(words[0], "delete") && access(folder, F_OK) == 0) {
    kill(atoi(read_text(path_of(folder, "pid"))), SIGKILL);
    unlink(path_of(folder, "pid"));
    unlink(path_of(folder, "gate"));
    rmdir(folder);
  }
  return 0;
}

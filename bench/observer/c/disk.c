/*
 * Preloaded into the observer: a disk that is slow by ZASTAVA_BENCH_SYNC_MS milliseconds a sync, and a journal of when the
 * event of each container was on it. The buffer lets nobody else read it, so the journal is of what goes into its log:
 * names of containers (`containerd://…`), told when the sync after the write is over.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { namesMax = 4096, nameBytes = 80 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char names[namesMax][nameBytes];
static int count;
static int journal = -1;

static int is_buffer(int file) {
  char link[64], path[512];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t size = readlink(link, path, sizeof path);
  return size > 14 && !memcmp(path + size - 14, "/events.db-wal", 14);
}

static void remember(const char *from, size_t size) {
  static const char scheme[] = "containerd://";
  const char *end = from + size;
  for (const char *at = from; (at = memmem(at, end - at, scheme, sizeof scheme - 1)); at++) {
    const char *name = at + sizeof scheme - 1, *quote = memchr(name, '"', end - name);
    if (!quote || quote - name >= nameBytes || count >= namesMax) continue;
    memcpy(names[count], name, quote - name);
    names[count++][quote - name] = 0;
  }
}

static void tell(void) {
  const char *path = getenv("ZASTAVA_BENCH_SYNC_JOURNAL");
  if (!path || count == 0) return;
  if (journal < 0) journal = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  for (int at = 0; at < count; at++) dprintf(journal, "%lld.%09ld %s\n", (long long)now.tv_sec, now.tv_nsec, names[at]);
  count = 0;
}

ssize_t pwrite64(int file, const void *from, size_t size, off64_t at) {
  static ssize_t (*real)(int, const void *, size_t, off64_t);
  if (!real) real = dlsym(RTLD_NEXT, "pwrite64");
  ssize_t written = real(file, from, size, at);
  if (written > 0 && is_buffer(file)) {
    pthread_mutex_lock(&mutex);
    remember(from, written);
    pthread_mutex_unlock(&mutex);
  }
  return written;
}

static int sync_with(const char *name, int file) {
  int (*real)(int) = dlsym(RTLD_NEXT, name);
  const char *slow = getenv("ZASTAVA_BENCH_SYNC_MS");
  if (slow) usleep(1000 * atoi(slow));
  int result = real(file);
  if (is_buffer(file)) {
    pthread_mutex_lock(&mutex);
    tell();
    pthread_mutex_unlock(&mutex);
  }
  return result;
}

int fsync(int file) { return sync_with("fsync", file); }
int fdatasync(int file) { return sync_with("fdatasync", file); }

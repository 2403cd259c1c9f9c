// Measures what this machine can do at most, apart from any engine: a plain read loop over memory, and int8 multiply-adds on registers alone.
// roofs THREADS prints one JSON object. Compile for this machine: cc -O2 -march=native -pthread.
#include <immintrin.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_THREADS = 256, REPETITIONS = 7 };
static const size_t bytes_per_thread = (size_t)512 << 20;  // far beyond the caches

static pthread_barrier_t barrier;
static long long sink;  // keeps the reads from being left out

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static long long read_once(const __m256i* at) {
  const __m256i* end = at + bytes_per_thread / sizeof *at;
  __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
  for (; at < end; at += 4) {
    a = _mm256_add_epi64(a, _mm256_load_si256(at));
    b = _mm256_add_epi64(b, _mm256_load_si256(at + 1));
    c = _mm256_add_epi64(c, _mm256_load_si256(at + 2));
    d = _mm256_add_epi64(d, _mm256_load_si256(at + 3));
  }
  return _mm256_extract_epi64(_mm256_add_epi64(_mm256_add_epi64(a, b), _mm256_add_epi64(c, d)), 0);
}

static void* read_memory(void* unused) {
  __m256i* memory = aligned_alloc(4096, bytes_per_thread);
  if (!memory) abort();
  memset(memory, 1, bytes_per_thread);
  for (int i = 0; i < REPETITIONS; ++i) {
    pthread_barrier_wait(&barrier);
    const long long sum = read_once(memory);
    pthread_barrier_wait(&barrier);
    __atomic_fetch_add(&sink, sum, __ATOMIC_RELAXED);
  }
  free(memory);
  return unused;
}

#if defined(__AVX512VNNI__)
typedef __m512i Register;
#define INT8_INSTRUCTION "vpdpbusd, 512 bits"
#define MULTIPLY_ADD(sum, a, b) __asm__ volatile("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b))
#elif defined(__AVXVNNI__)
typedef __m256i Register;
#define INT8_INSTRUCTION "vpdpbusd, 256 bits"
#define MULTIPLY_ADD(sum, a, b) __asm__ volatile("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(a), "x"(b))
#endif

#ifdef INT8_INSTRUCTION
// 12 independent sums: as many as hide the instruction's latency, and few enough to stay in registers.
#define EACH_SUM(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11)
static const long rounds = 8000000;
static const double operations_per_thread = 8e6 * 12 * sizeof(Register) * 2;  // a multiplication and an addition for each byte

static void* multiply_registers(void* unused) {
  Register a, b;
  memset(&a, 1, sizeof a);
  memset(&b, 2, sizeof b);
#define DECLARE(i) Register sum##i = a;
  EACH_SUM(DECLARE)
  for (int i = 0; i < REPETITIONS; ++i) {
    pthread_barrier_wait(&barrier);
    for (long round = 0; round < rounds; ++round) {
#define ADD(i) MULTIPLY_ADD(sum##i, a, b);
      EACH_SUM(ADD)
    }
    pthread_barrier_wait(&barrier);
  }
  return unused;
}
#endif

// The shortest time in which all threads did one repetition.
static double best_seconds(int threads, void* (*work)(void*)) {
  pthread_t ids[MOST_THREADS];
  double best = 1e9;
  pthread_barrier_init(&barrier, NULL, (unsigned)threads + 1);
  for (int i = 0; i < threads; ++i)
    if (pthread_create(&ids[i], NULL, work, NULL)) abort();
  for (int i = 0; i < REPETITIONS; ++i) {
    pthread_barrier_wait(&barrier);
    const double begin = seconds();
    pthread_barrier_wait(&barrier);
    const double took = seconds() - begin;
    if (took < best) best = took;
  }
  for (int i = 0; i < threads; ++i) pthread_join(ids[i], NULL);
  pthread_barrier_destroy(&barrier);
  return best;
}

int main(int count, char** arguments) {
  const int threads = count == 2 ? atoi(arguments[1]) : 0;
  if (threads < 1 || threads > MOST_THREADS) {
    fprintf(stderr, "usage: roofs THREADS (1 to %d)\n", MOST_THREADS);
    return 2;
  }
  const double read_seconds = best_seconds(threads, read_memory);
  printf("{\"read_gb_per_s\": %.2f", 1e-9 * (double)bytes_per_thread * threads / read_seconds);
#ifdef INT8_INSTRUCTION
  const double int8_seconds = best_seconds(threads, multiply_registers);
  printf(", \"int8_gop_per_s\": %.0f, \"int8_instruction\": \"%s\"", 1e-9 * operations_per_thread * threads / int8_seconds, INT8_INSTRUCTION);
#endif
  printf("}\n");
  return 0;
}

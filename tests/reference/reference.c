// SPDX-License-Identifier: GPL-2.0
/*
 * Two matchers to compare the classifier with: an independent one of the same
 * language, and what a simple C module does.
 *
 * The first is written unlike the classifier on purpose: it has the whole
 * stream in one buffer and looks for the parts of a line in it, so that the
 * two are unlikely to share a mistake.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Known to src/lib.rs by these values. */
enum verdict {
	UNDECIDED,
	HTTP1,
	H2C,
	HTTP09,
	RESPONSE,
	OTHER,
};

#define LIMIT		(128 * 1024)
#define METHOD_MAX	32

enum verdict reference_classify(const unsigned char *p, size_t n, size_t *decided);
int example_matches(const unsigned char *p, size_t n);

static bool is_space(unsigned char c)
{
	return isspace(c) && c != '\n';
}

static bool is_tchar(unsigned char c)
{
	return isalnum(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool begins(const unsigned char *p, const unsigned char *end, const char *with)
{
	size_t len = strlen(with);

	return (size_t)(end - p) >= len && !memcmp(p, with, len);
}

/* Where a version's digit is in [p, end): behind white space and "HTTP/". */
static const unsigned char *find_version(const unsigned char *p, const unsigned char *end)
{
	for (; end - p >= 7; p++) {
		if (is_space(p[0]) && begins(p + 1, end, "HTTP/") && isdigit(p[6]))
			return p + 6;
	}
	return NULL;
}

/* Returns where the deciding byte is, or NULL. */
static const unsigned char *classify(const unsigned char *start, const unsigned char *end,
				     enum verdict *verdict)
{
	const unsigned char *method, *space, *target, *behind, *newline, *version;

	if (begins(start, end, "PRI * HTTP/2")) {
		*verdict = H2C;
		return start + 11;
	}
	if (begins(start, end, "HTTP/")) {
		if (end - start == 5)
			return NULL;
		*verdict = isdigit(start[5]) ? RESPONSE : OTHER;
		return start + 5;
	}

	for (method = start; method < end && isspace(*method); method++)
		;
	for (space = method; space < end && is_tchar(*space); space++) {
		if (space - method == METHOD_MAX)
			break;
	}
	if (space == end)
		return NULL;
	if (space == method || !is_space(*space)) {
		*verdict = OTHER;
		return space;
	}

	for (target = space; target < end && is_space(*target); target++)
		;
	if (target == end)
		return NULL;
	if (*target == '\n') {
		*verdict = OTHER;
		return target;
	}

	newline = memchr(target, '\n', end - target);
	version = find_version(target + 1, newline ? newline : end);
	if (version) {
		*verdict = HTTP1;
		return version;
	}
	if (!newline)
		return NULL;
	for (behind = target; !isspace(*behind); behind++)
		;
	while (is_space(*behind))
		behind++;
	if (space - method == 3 && !memcmp(method, "GET", 3) && *target == '/' &&
	    behind == newline)
		*verdict = HTTP09;
	else
		*verdict = OTHER;
	return newline;
}

/**
 * reference_classify - tell what a stream is
 * @p: its first bytes
 * @n: how many there are
 * @decided: set to the number of bytes up to and including the deciding one
 */
enum verdict reference_classify(const unsigned char *p, size_t n, size_t *decided)
{
	enum verdict verdict = UNDECIDED;
	const unsigned char *deciding = classify(p, p + (n < LIMIT ? n : LIMIT), &verdict);

	if (deciding) {
		*decided = deciding - p + 1;
	} else if (n >= LIMIT) {
		verdict = OTHER;
		*decided = LIMIT;
	}
	return verdict;
}

/**
 * example_matches - look at a segment as the C example module does
 * @p: the bytes of the segment that it sees
 * @n: how many there are
 *
 * It copies the bytes, ends the copy with a NUL and looks for "HTTP" anywhere
 * in it. Returns 1 if it would drop the segment, 0 if not, or -1 without memory.
 */
int example_matches(const unsigned char *p, size_t n)
{
	char *copy = calloc(n + 1, 1);
	int found;

	if (!copy)
		return -1;
	memcpy(copy, p, n);
	found = strstr(copy, "HTTP") != NULL;
	free(copy);
	return found;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Two matchers to compare the classifier with: an independent one of the same
 * language, and what a simple C module does.
 *
 * The first is written unlike the classifier on purpose: it has the whole
 * stream in one buffer and looks for the parts of a line in it, so that the
 * two are unlikely to share a mistake.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
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

/* Whether the method of n characters at p is registered, letter case aside. */
static bool is_registered(const char *p, size_t n)
{
	static const char names[] =
		" ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT CONNECT COPY DELETE GET HEAD LABEL LINK"
		" LOCK MERGE MKACTIVITY MKCALENDAR MKCOL MKREDIRECTREF MKWORKSPACE MOVE OPTIONS"
		" ORDERPATCH PATCH POST PRI PROPFIND PROPPATCH PUT QUERY REBIND REPORT SEARCH TRACE"
		" UNBIND UNCHECKOUT UNLINK UNLOCK UPDATE UPDATEREDIRECTREF VERSION-CONTROL ";
	char name[METHOD_MAX + 3];

	snprintf(name, sizeof(name), " %.*s ", (int)n, p);
	return strcasestr(names, name);
}

static bool is_upper(const unsigned char *p, size_t n)
{
	while (n--) {
		if (islower(p[n]))
			return false;
	}
	return true;
}

/*
 * Where a target and what ends it, in [p, end), can be neither "*" nor begin with
 * a scheme and "://" any more; end if nowhere.
 */
static const unsigned char *find_fault(const unsigned char *p, const unsigned char *end)
{
	const unsigned char *colon;

	if (*p == '*')
		return p + 1 < end && !isspace(p[1]) ? p + 1 : end;
	if (!isalpha(*p))
		return p;
	while (p < end && (isalnum(*p) || (*p && strchr("+-.", *p))))
		p++;
	for (colon = p; p < end && p - colon < 3; p++) {
		if (*p != "://"[p - colon])
			return p;
	}
	return end;
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
	const unsigned char *method, *space, *target, *stop, *word_end, *behind, *fault, *version;
	bool registered, exact, path;
	size_t n;

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

	*verdict = OTHER;
	for (method = start; method < end && isspace(*method); method++)
		;
	for (space = method; space < end && is_tchar(*space); space++) {
		if (space - method == METHOD_MAX)
			break;
	}
	if (space == end)
		return NULL;
	n = space - method;
	if (!n || !is_space(*space))
		return space;
	registered = is_registered((const char *)method, n);
	exact = registered && is_upper(method, n);

	for (target = space; target < end && is_space(*target); target++)
		;
	if (target == end)
		return NULL;

	/* What ends the line, or makes it none. */
	for (stop = target; stop < end && *stop && *stop != '\n'; stop++)
		;
	for (word_end = target; word_end < stop && !is_space(*word_end); word_end++)
		;
	for (behind = word_end; behind < stop && is_space(*behind); behind++)
		;
	path = *target == '/';
	fault = path ? end : find_fault(target, word_end < end ? word_end + 1 : end);
	if (!exact && fault <= word_end && fault < end)
		return fault;

	if (path && registered) {
		version = find_version(target + 1, stop);
		if (version) {
			*verdict = HTTP1;
			return version;
		}
	} else {
		for (n = 0; n < 5 && behind + n < stop; n++) {
			if (behind[n] != "HTTP/"[n])
				return behind + n;
		}
		if (n == 5 && behind + n < stop) {
			if (isdigit(behind[n]))
				*verdict = HTTP1;
			return behind + n;
		}
	}
	if (stop == end)
		return NULL;
	if (*stop && exact && space - method == 3 && !memcmp(method, "GET", 3) &&
	    *target != '*' && fault > word_end && behind == stop && target < word_end)
		*verdict = HTTP09;
	return stop;
}

/**
 * reference_classify - tell what a stream is
 * @p: its first bytes
 * @n: how many there are
 * @decided: set to the number of bytes up to and including the deciding one
 */
enum verdict reference_classify(const unsigned char *p, size_t n, size_t *decided)
{
	enum verdict verdict;
	const unsigned char *deciding = classify(p, p + (n < LIMIT ? n : LIMIT), &verdict);

	if (deciding) {
		*decided = deciding - p + 1;
	} else if (n >= LIMIT) {
		verdict = OTHER;
		*decided = LIMIT;
	} else {
		verdict = UNDECIDED;
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

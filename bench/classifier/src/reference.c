// SPDX-License-Identifier: GPL-2.0
/* What the usual example of a filter does, but that it never reads past the end. */
#include <stdbool.h>
#include <stddef.h>

bool has_http(const unsigned char *data, size_t len)
{
	for (; len >= 4; data++, len--)
		if (data[0] == 'H' && data[1] == 'T' && data[2] == 'T' && data[3] == 'P')
			return true;
	return false;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* Reading as a whole: see slurp.h. */
#include "base/slurp.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/fail.h"

#define FIRST_SIZE 4096

int slurp(int fd, size_t max, char **ret_text, size_t *ret_len)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0, size = 0;
	ssize_t got = 1;

	while (got) {
		if (len + 1 >= size) {
			char *larger = realloc(text, size = size ? size * 2 : FIRST_SIZE);

			if (!larger)
				return fail(-ENOMEM, "out of memory");
			text = larger;
		}
		got = read(fd, text + len, size - len - 1);
		if (got < 0 && errno != EINTR)
			return fail_errno(-errno, "cannot read standard input");
		len += got > 0 ? (size_t)got : 0;
		if (len > max)
			return fail(-EFBIG, "there are more than %zu bytes on standard input", max);
	}
	text[len] = '\0';
	*ret_text = TAKE_PTR(text);
	*ret_len = len;
	return 0;
}

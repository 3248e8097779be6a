// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The parser of match expressions (match.h has the grammar): splits words, then takes one term
 * after another. Refuses terms that can never hold together: a filter that matches nothing would
 * look like a network that damages nothing.
 */
#include "packet/match.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/fail.h"
#include "base/options.h"

#define WORDS_MAX (MATCH_TERMS * 5)
#define WORD_SIZE INET6_ADDRSTRLEN

struct words {
	char word[WORDS_MAX][WORD_SIZE];
	size_t count, next;
};

static int split(const char *text, struct words *words)
{
	while (*text) {
		size_t len;

		if (isspace((unsigned char)*text)) {
			text++;
			continue;
		}
		len = strcspn(text, " \t\r\n\f\v");
		if (words->count == WORDS_MAX)
			return fail(-EINVAL, "a match has at most %d terms", MATCH_TERMS);
		if (len >= WORD_SIZE)
			return fail(-EINVAL, "'%.20s...' is too long for a match", text);
		memcpy(words->word[words->count++], text, len);
		text += len;
	}
	return 0;
}

/* Steps over the next word if it is `word`. */
static bool skip(struct words *words, const char *word)
{
	if (words->next == words->count || strcmp(words->word[words->next], word))
		return false;
	words->next++;
	return true;
}

static int take_value(struct words *words, const char *what, const char **ret_value)
{
	if (words->next == words->count)
		return fail(-EINVAL, "the match ends after '%s': its value is missing", what);
	*ret_value = words->word[words->next++];
	return 0;
}

static int add_term(struct packet_match *match, const struct match_term *term)
{
	if (match->count == MATCH_TERMS)
		return fail(-EINVAL, "a match has at most %d terms", MATCH_TERMS);
	match->term[match->count++] = *term;
	return 0;
}

static int add_host(struct words *words, struct packet_match *match, enum match_side side)
{
	struct match_term term = { .kind = MATCH_HOST, .side = (uint16_t)side };
	const char *value = "";
	int rc = take_value(words, "host", &value);

	if (rc)
		return rc;
	term.number = strchr(value, ':') ? 6 : 4;
	if (inet_pton(term.number == 6 ? AF_INET6 : AF_INET, value, term.address) != 1)
		return fail(-EINVAL, "'%s' is not an IP address", value);
	return add_term(match, &term);
}

static int add_port(struct words *words, struct packet_match *match, enum match_side side)
{
	struct match_term term = { .kind = MATCH_PORT, .side = (uint16_t)side };
	const char *value = "";
	uint64_t port;
	int rc = take_value(words, "port", &value);

	rc = rc ? rc : options_parse_number(value, 0, 65535, &port);
	if (rc)
		return rc;
	term.number = (uint32_t)port;
	return add_term(match, &term);
}

/*
 * A word that may stand alone or before what it qualifies: a family before host, a protocol before
 * port.
 */
static int take_qualifier(struct words *words, struct packet_match *match, uint16_t *ret_kind)
{
	static const struct {
		const char *word;
		struct match_term term;
	} qualifiers[] = {
		{ "ip", { .kind = MATCH_FAMILY, .number = 4 } },
		{ "ip6", { .kind = MATCH_FAMILY, .number = 6 } },
		{ "tcp", { .kind = MATCH_PROTO, .number = IPPROTO_TCP } },
		{ "udp", { .kind = MATCH_PROTO, .number = IPPROTO_UDP } },
	};

	for (size_t i = 0; i < sizeof(qualifiers) / sizeof(qualifiers[0]); i++) {
		if (!skip(words, qualifiers[i].word))
			continue;
		*ret_kind = qualifiers[i].term.kind;
		return add_term(match, &qualifiers[i].term);
	}
	return -ENOENT;
}

static int fail_at_word(const struct words *words)
{
	if (words->next == words->count)
		return fail(-EINVAL, "the match ends, but another term is expected");
	return fail(
		-EINVAL,
		"'%s' is not possible here; a match has these terms, joined by 'and': ip, ip6, tcp, udp, "
		"[src|dst] host ADDRESS, [src|dst] port NUMBER",
		words->word[words->next]);
}

static int take_term(struct words *words, struct packet_match *match)
{
	uint16_t qualifier = 0;
	bool qualified;
	enum match_side side;
	int rc = take_qualifier(words, match, &qualifier);

	if (rc && rc != -ENOENT)
		return rc;
	qualified = !rc;
	side = skip(words, "src") ? MATCH_SRC : skip(words, "dst") ? MATCH_DST : MATCH_EITHER;
	if ((!qualified || qualifier == MATCH_FAMILY) && skip(words, "host"))
		return add_host(words, match, side);
	if ((!qualified || qualifier == MATCH_PROTO) && skip(words, "port"))
		return add_port(words, match, side);
	return qualified && side == MATCH_EITHER ? 0 : fail_at_word(words);
}

/* What a term says about the packet's family or protocol, or 0. */
static uint32_t asks_for(const struct match_term *term, enum match_kind kind)
{
	if (term->kind == kind || (kind == MATCH_FAMILY && term->kind == MATCH_HOST))
		return term->number;
	return 0;
}

static int check_possible(const struct packet_match *match)
{
	for (uint32_t i = 1; i < match->count; i++)
		for (uint32_t j = 0; j < i; j++)
			for (enum match_kind kind = MATCH_FAMILY; kind <= MATCH_PROTO; kind++) {
				uint32_t one = asks_for(&match->term[i], kind);
				uint32_t other = asks_for(&match->term[j], kind);

				if (one && other && one != other)
					return fail(-EINVAL,
						    "no packet can match: two %s are asked for",
						    kind == MATCH_FAMILY ? "address families"
									 : "protocols");
			}
	return 0;
}

int match_parse(const char *text, struct packet_match *ret_match)
{
	struct packet_match match = { 0 };
	struct words words = { .count = 0 };
	int rc = split(text, &words);

	if (!rc && !words.count)
		rc = fail(-EINVAL, "the match is empty");
	while (!rc) {
		rc = take_term(&words, &match);
		if (rc || words.next == words.count)
			break;
		if (!skip(&words, "and"))
			rc = fail_at_word(&words);
	}
	rc = rc ? rc : check_possible(&match);
	if (!rc)
		*ret_match = match;
	return rc;
}

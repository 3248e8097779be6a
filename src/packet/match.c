// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The parser of match expressions (match.h has the grammar): splits words, builds a tree by
 * recursive descent, and joins the tests in its leaves. Refuses what can never hold: a filter that
 * matches nothing would look like a network that damages nothing.
 */
#include "packet/match.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/fail.h"
#include "base/options.h"

#define WORDS_MAX 128
#define WORD_SIZE INET6_ADDRSTRLEN
#define NODES_MAX (2 * MATCH_TERMS) /* a tree of so many leaves has fewer that join */
#define DEPTH_MAX 16 /* parentheses and "not" within each other */

enum node_kind { NODE_TERM, NODE_AND, NODE_OR };

struct node {
	enum node_kind kind;
	bool negated;
	uint16_t first; /* the first test in it; for NODE_TERM the only one */
	uint16_t left, right; /* nodes */
};

struct parser {
	char word[WORDS_MAX][WORD_SIZE];
	size_t count, next;
	struct node node[NODES_MAX];
	uint16_t node_count;
	unsigned int depth;
	struct packet_match match;
};

/* ---- Words ---- */

/* The length of the word that begins there: "(", ")" and "!" are words by themselves. */
static size_t word_len(const char *text)
{
	return strchr("()!", *text) ? 1 : strcspn(text, " \t\r\n\f\v()!");
}

static int split(const char *text, struct parser *parser)
{
	while (*text) {
		size_t len;

		if (isspace((unsigned char)*text)) {
			text++;
			continue;
		}
		len = word_len(text);
		if (parser->count == WORDS_MAX)
			return fail(-EINVAL, "a match has at most %d words", WORDS_MAX);
		if (len >= WORD_SIZE)
			return fail(-EINVAL, "'%.20s...' is too long for a match", text);
		memcpy(parser->word[parser->count++], text, len);
		text += len;
	}
	return parser->count ? 0 : fail(-EINVAL, "the match is empty");
}

static bool at_end(const struct parser *parser)
{
	return parser->next == parser->count;
}

/* Steps over the next word if it is `word`. */
static bool skip(struct parser *parser, const char *word)
{
	if (at_end(parser) || strcmp(parser->word[parser->next], word))
		return false;
	parser->next++;
	return true;
}

static int take_value(struct parser *parser, const char *what, const char **ret_value)
{
	if (at_end(parser))
		return fail(-EINVAL, "the match ends after '%s': its value is missing", what);
	*ret_value = parser->word[parser->next++];
	return 0;
}

static int fail_at_word(const struct parser *parser)
{
	if (at_end(parser))
		return fail(-EINVAL, "the match ends, but another term is expected");
	return fail(
		-EINVAL,
		"'%s' is not possible here; a match has these terms, joined by 'and', 'or', 'not' "
		"and parentheses: ip, ip6, tcp, udp, [src|dst] host ADDRESS, [src|dst] port NUMBER",
		parser->word[parser->next]);
}

/* ---- The tree ---- */

static int add_node(struct parser *parser, struct node node, uint16_t *ret_node)
{
	if (parser->node_count == NODES_MAX)
		return fail(-EINVAL, "a match has at most %d terms", MATCH_TERMS);
	*ret_node = parser->node_count;
	parser->node[parser->node_count++] = node;
	return 0;
}

static int add_term(struct parser *parser, const struct match_term *term, uint16_t *ret_node)
{
	struct packet_match *match = &parser->match;

	if (match->count == MATCH_TERMS)
		return fail(-EINVAL, "a match has at most %d terms", MATCH_TERMS);
	match->term[match->count] = *term;
	return add_node(parser,
			(struct node){ .kind = NODE_TERM, .first = (uint16_t)match->count++ },
			ret_node);
}

static int join(struct parser *parser, enum node_kind kind, uint16_t left, uint16_t right,
		uint16_t *ret_node)
{
	return add_node(parser,
			(struct node){ .kind = kind,
				       .first = parser->node[left].first,
				       .left = left,
				       .right = right },
			ret_node);
}

/* ---- Terms ---- */

static int take_host(struct parser *parser, enum match_side side, uint16_t *ret_node)
{
	struct match_term term = { .kind = MATCH_HOST, .side = (uint16_t)side };
	const char *value = "";
	int rc = take_value(parser, "host", &value);

	if (rc)
		return rc;
	term.number = strchr(value, ':') ? 6 : 4;
	if (inet_pton(term.number == 6 ? AF_INET6 : AF_INET, value, term.address) != 1)
		return fail(-EINVAL, "'%s' is not an IP address", value);
	return add_term(parser, &term, ret_node);
}

static int take_port(struct parser *parser, enum match_side side, uint16_t *ret_node)
{
	struct match_term term = { .kind = MATCH_PORT, .side = (uint16_t)side };
	const char *value = "";
	uint64_t port;
	int rc = take_value(parser, "port", &value);

	rc = rc ? rc : options_parse_number(value, 0, 65535, &port);
	if (rc)
		return rc;
	term.number = (uint32_t)port;
	return add_term(parser, &term, ret_node);
}

/*
 * A word that may stand alone or before what it qualifies: a family before host, a protocol before
 * port.
 */
static int take_qualifier(struct parser *parser, uint16_t *ret_kind, uint16_t *ret_node)
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
		if (!skip(parser, qualifiers[i].word))
			continue;
		*ret_kind = qualifiers[i].term.kind;
		return add_term(parser, &qualifiers[i].term, ret_node);
	}
	return -ENOENT;
}

static int take_term(struct parser *parser, uint16_t *ret_node)
{
	uint16_t kind = 0, qualifier = 0, value = 0;
	bool qualified;
	enum match_side side;
	int rc = take_qualifier(parser, &kind, &qualifier);

	if (rc && rc != -ENOENT)
		return rc;
	qualified = !rc;
	side = skip(parser, "src") ? MATCH_SRC : skip(parser, "dst") ? MATCH_DST : MATCH_EITHER;
	if ((!qualified || kind == MATCH_FAMILY) && skip(parser, "host")) {
		rc = take_host(parser, side, &value);
	} else if ((!qualified || kind == MATCH_PROTO) && skip(parser, "port")) {
		rc = take_port(parser, side, &value);
	} else {
		*ret_node = qualifier;
		return qualified && side == MATCH_EITHER ? 0 : fail_at_word(parser);
	}
	if (rc)
		return rc;
	if (qualified)
		return join(parser, NODE_AND, qualifier, value, ret_node);
	*ret_node = value;
	return 0;
}

/* ---- The grammar ---- */

static int take_match(struct parser *parser, uint16_t *ret_node);

static int take_operand(struct parser *parser, uint16_t *ret_node)
{
	bool is_not;
	int rc;

	if (parser->depth == DEPTH_MAX)
		return fail(-EINVAL,
			    "a match has at most %d parentheses and 'not' within each other",
			    DEPTH_MAX);
	is_not = skip(parser, "not") || skip(parser, "!");
	if (!is_not && !skip(parser, "("))
		return take_term(parser, ret_node);
	parser->depth++;
	rc = is_not ? take_operand(parser, ret_node) : take_match(parser, ret_node);
	parser->depth--;
	if (!rc && is_not)
		parser->node[*ret_node].negated ^= true;
	if (rc || is_not || skip(parser, ")"))
		return rc;
	return at_end(parser) ? fail(-EINVAL, "the match ends, but a ')' is missing")
			      : fail_at_word(parser);
}

static int take_match(struct parser *parser, uint16_t *ret_node)
{
	uint16_t left = 0, right = 0;
	int rc = take_operand(parser, &left);

	while (!rc) {
		bool is_and = skip(parser, "and") || skip(parser, "&&");

		if (!is_and && !skip(parser, "or") && !skip(parser, "||"))
			break;
		rc = take_operand(parser, &right);
		rc = rc ? rc : join(parser, is_and ? NODE_AND : NODE_OR, left, right, &left);
	}
	*ret_node = left;
	return rc;
}

/* ---- From the tree to the list ---- */

/*
 * Says for each test in the node where to go on. The tests of `left` come before those of `right`,
 * so every step leads forward. It goes as deep as the tree, which has at most NODES_MAX nodes.
 */
static void connect_tests(struct parser *parser, uint16_t number, uint16_t then, uint16_t otherwise)
{
	const struct node *node = &parser->node[number];
	uint16_t right = parser->node[node->right].first;

	if (node->negated) {
		uint16_t swapped = then;

		then = otherwise;
		otherwise = swapped;
	}
	if (node->kind == NODE_TERM) {
		parser->match.term[node->first].then = then;
		parser->match.term[node->first].otherwise = otherwise;
		return;
	}
	if (node->kind == NODE_AND)
		connect_tests(parser, node->left, right, otherwise);
	else
		connect_tests(parser, node->left, then, right);
	connect_tests(parser, node->right, then, otherwise);
}

enum outcome { NEVER, PERHAPS, ALWAYS };

/* The test's outcome for packets of that family and protocol. */
static enum outcome outcome_for(const struct match_term *term, uint32_t family, uint32_t proto)
{
	switch (term->kind) {
	case MATCH_FAMILY:
		return term->number == family ? ALWAYS : NEVER;
	case MATCH_PROTO:
		return term->number == proto ? ALWAYS : NEVER;
	case MATCH_HOST:
		return term->number == family ? PERHAPS : NEVER;
	default:
		return PERHAPS;
	}
}

static bool is_possible_for(const struct packet_match *match, uint32_t family, uint32_t proto)
{
	bool reached[MATCH_NO + 1] = { [0] = true };

	for (uint32_t i = 0; i < match->count; i++) {
		enum outcome outcome = outcome_for(&match->term[i], family, proto);

		if (!reached[i])
			continue;
		reached[match->term[i].then] |= outcome != NEVER;
		reached[match->term[i].otherwise] |= outcome != ALWAYS;
	}
	return reached[MATCH_YES];
}

static int check_possible(const struct packet_match *match)
{
	if (is_possible_for(match, 4, IPPROTO_TCP) || is_possible_for(match, 4, IPPROTO_UDP) ||
	    is_possible_for(match, 6, IPPROTO_TCP) || is_possible_for(match, 6, IPPROTO_UDP))
		return 0;
	return fail(-EINVAL,
		    "no packet can match: address families or protocols exclude each other");
}

int match_parse(const char *text, struct packet_match *ret_match)
{
	struct parser parser = { .count = 0 };
	uint16_t root = 0;
	int rc = split(text, &parser);

	rc = rc ? rc : take_match(&parser, &root);
	if (!rc && !at_end(&parser))
		rc = fail_at_word(&parser);
	if (rc)
		return rc;
	connect_tests(&parser, root, MATCH_YES, MATCH_NO);
	rc = check_possible(&parser.match);
	if (!rc)
		*ret_match = parser.match;
	return rc;
}

// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Edits configurations as text: see text.h.
 *
 * jansson decides whether a text is JSON, but knows no positions. A walk over the text, which need
 * not be strict any more, finds the elements of arrays that are truesum's, and cuts them out.
 * Paths of truesum-runc are words, whatever the format. At the end the result is read again: if
 * truesum is still named in it, or it is no JSON any more, the file is not to be edited by a
 * program.
 */
#include "guard/chain/text.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/fail.h"
#include "guard/start/cni.h"

#define PROGRAM "truesum"
#define WRAPPER "truesum-runc"

/* What a JSON value is to us. */
enum value { VALUE_OTHER, VALUE_PLUGIN, VALUE_HOOK };

struct part {
	size_t from, to;
};

struct walk {
	const char *text;
	size_t at, len;
	struct part *cut;
	size_t cuts, cut_room;
	enum chain_role role; /* of the first cut */
	bool is_emptied; /* an array of plugins has nothing but truesum */
	bool root_hook; /* the root object's "hook" is truesum's */
	/* Of the root's "plugins": the last one, the first that is ours, and how many there are. */
	struct part last, ours;
	size_t plugins;
	int error;
};

/* ---- Words ---- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* A word of a line ends at a blank, a quote, or what formats put around values. */
static bool is_word(char c)
{
	return c && !isspace((unsigned char)c) && !strchr("\"'`=,;:[](){}<>|&", c);
}

/*
 * Finds the next word from `at` on whose last part is `name`: a path or, if `bare`, the name alone.
 */
static bool find_word(const char *text, size_t len, const char *name, bool bare, size_t at,
		      struct part *ret_word)
{
	size_t size = strlen(name);

	while (at < len) {
		struct part word = { at, at };

		while (word.to < len && is_word(text[word.to]))
			word.to++;
		at = word.to + 1;
		if (word.to - word.from < size || memcmp(text + word.to - size, name, size) != 0)
			continue;
		if (word.to - word.from == size ? bare : text[word.to - size - 1] == '/') {
			*ret_word = word;
			return true;
		}
	}
	return false;
}

/* ---- The walk over JSON ---- */

static void skip_blanks(struct walk *walk)
{
	while (walk->at < walk->len && isspace((unsigned char)walk->text[walk->at]))
		walk->at++;
}

/* What follows the blanks; NUL at the end. */
static char next(struct walk *walk)
{
	skip_blanks(walk);
	return walk->at < walk->len ? walk->text[walk->at] : '\0';
}

static void skip_string(struct walk *walk)
{
	for (walk->at++; walk->at < walk->len && walk->text[walk->at] != '"'; walk->at++)
		if (walk->text[walk->at] == '\\')
			walk->at++;
	walk->at++;
}

/* Decodes the string that begins at `from`; "" if it is none, or too long to be of interest. */
static void decode(const struct walk *walk, size_t from, char *ret, size_t size)
{
	json_auto_t *json = from < walk->len && walk->text[from] == '"'
				    ? json_loadb(walk->text + from, walk->len - from,
						 JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK, NULL)
				    : NULL;
	const char *string = json_string_value(json);

	*ret = '\0';
	if (string && strlen(string) < size)
		snprintf(ret, size, "%s", string);
}

static void add_cut(struct walk *walk, size_t from, size_t to, enum chain_role role)
{
	if (ARRAY_RESERVE(walk->cut, walk->cut_room, walk->cuts + 1)) {
		walk->error = -ENOMEM;
		return;
	}
	if (!walk->cuts)
		walk->role = role;
	walk->cut[walk->cuts++] = (struct part){ from, to };
}

static bool is_one_of(const char *key, const char *const *names)
{
	for (; *names; names++)
		if (!strcmp(key, *names))
			return true;
	return false;
}

static const char *const plugin_lists[] = { "plugins", "delegates", NULL };
static const char *const hook_lists[] = {
	"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop",
	NULL
};

static enum value walk_value(struct walk *walk, const char *key, unsigned int depth);

static void note_plugin(struct walk *walk, const struct part *element, bool is_ours)
{
	walk->plugins++;
	walk->last = *element;
	if (is_ours && !walk->ours.to)
		walk->ours = *element;
}

/* An element of ours goes with the comma before it or, if no element before it stays, after it. */
static void walk_array(struct walk *walk, const char *key, unsigned int depth)
{
	bool has_plugins = is_one_of(key, plugin_lists), has_hooks = is_one_of(key, hook_lists);
	bool is_root_list = depth == 1 && !strcmp(key, "plugins");
	size_t end = 0, kept = 0, cut = 0, pending = 0;

	walk->at++;
	while (next(walk) && next(walk) != ']') {
		struct part element = { .from = walk->at };
		enum value value;

		if (pending) {
			walk->cut[walk->cuts - 1].to = element.from;
			pending = 0;
		}
		value = walk_value(walk, "", depth + 1);
		element.to = walk->at;
		if (is_root_list)
			note_plugin(walk, &element, value == VALUE_PLUGIN);
		if ((value == VALUE_PLUGIN && has_plugins) || (value == VALUE_HOOK && has_hooks)) {
			add_cut(walk, kept ? end : element.from, element.to,
				value == VALUE_PLUGIN ? CHAIN_PLUGIN : CHAIN_HOOK);
			cut++;
			pending = !kept && !walk->error;
		} else {
			kept++;
		}
		end = element.to;
		if (next(walk) == ',')
			walk->at++;
	}
	walk->at++;
	walk->is_emptied |= has_plugins && cut && !kept;
}

static enum value walk_object(struct walk *walk, unsigned int depth)
{
	enum value is = VALUE_OTHER, value;

	walk->at++;
	while (next(walk) == '"') {
		char key[40], string[4096];

		decode(walk, walk->at, key, sizeof(key));
		skip_string(walk);
		if (next(walk) == ':')
			walk->at++;
		skip_blanks(walk);
		decode(walk, walk->at, string, sizeof(string));
		value = walk_value(walk, key, depth + 1);
		/* Go, in which the runtimes are written, takes a key in any case. */
		if (!strcasecmp(key, "type") && !strcmp(string, PROGRAM))
			is = VALUE_PLUGIN;
		else if (!strcasecmp(key, "path") && !strcmp(base_name(string), PROGRAM))
			is = VALUE_HOOK;
		if (depth == 0 && !strcmp(key, "hook") && value == VALUE_HOOK)
			walk->root_hook = true;
		if (next(walk) == ',')
			walk->at++;
	}
	walk->at++;
	return is;
}

static enum value walk_value(struct walk *walk, const char *key, unsigned int depth)
{
	switch (next(walk)) {
	case '{':
		return walk_object(walk, depth);
	case '[':
		walk_array(walk, key, depth);
		break;
	case '"':
		skip_string(walk);
		break;
	default: /* a number or a word */
		while (walk->at < walk->len && !strchr(",]} \t\r\n", walk->text[walk->at]))
			walk->at++;
	}
	return VALUE_OTHER;
}

/* ---- Taking out ---- */

static int append(char **text, size_t *len, size_t *room, const char *data, size_t size)
{
	int rc = ARRAY_RESERVE(*text, *room, *len + size + 1);

	if (rc)
		return rc;
	memcpy(*text + *len, data, size);
	*len += size;
	(*text)[*len] = '\0';
	return 0;
}

/* The text without the parts, which are in order and may overlap. */
static int cut_out(const struct walk *walk, char **ret_text, size_t *ret_len)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0, room = 0, at = 0;
	int rc = 0;

	for (size_t i = 0; !rc && i <= walk->cuts; i++) {
		size_t until = i < walk->cuts ? walk->cut[i].from : walk->len;

		if (until > at || !text)
			rc = append(&text, &len, &room, walk->text + at,
				    until > at ? until - at : 0);
		if (i < walk->cuts && walk->cut[i].to > at)
			at = walk->cut[i].to;
	}
	if (rc)
		return rc;
	*ret_text = TAKE_PTR(text);
	*ret_len = len;
	return 0;
}

static size_t line_of(const char *text, size_t at)
{
	size_t line = 1;

	for (size_t i = 0; i < at; i++)
		line += text[i] == '\n';
	return line;
}

/* The length of the line's text up to its comment, which a '#' or ';' begins outside of quotes. */
static size_t before_comment(const char *line, size_t len)
{
	char quote = '\0';

	for (size_t i = 0; i < len; i++) {
		if (quote)
			quote = line[i] == quote ? '\0' : quote;
		else if (line[i] == '"' || line[i] == '\'')
			quote = line[i];
		else if ((line[i] == '#' || line[i] == ';') &&
			 (i == 0 || isspace((unsigned char)line[i - 1])))
			return i;
	}
	return len;
}

/* Replaces each path of the wrapper outside of comments; *ret_at: the first, in the former text. */
static int replace_wrapper(const char *text, size_t len, bool is_json, const char *runc,
			   char **ret_text, size_t *ret_len, size_t *ret_count, size_t *ret_at)
{
	_cleanup_free_ char *fresh = NULL;
	size_t fresh_len = 0, room = 0, count = 0, first = 0, done = 0;
	int rc = append(&fresh, &fresh_len, &room, "", 0);

	for (size_t at = 0, end; !rc && at < len; at = end) {
		const char *newline = memchr(text + at, '\n', len - at);
		struct part word;
		size_t upto;

		end = newline && !is_json ? (size_t)(newline + 1 - text) : len;
		upto = is_json ? len : at + before_comment(text + at, end - at);
		while (!rc && find_word(text, upto, WRAPPER, false, at, &word)) {
			at = word.to;
			/* Not the end of a path with blanks, nor one that depends on a folder. */
			if (text[word.from] != '/' && text[word.from] != '\\')
				continue;
			first = count++ ? first : word.from;
			rc = append(&fresh, &fresh_len, &room, text + done, word.from - done);
			rc = rc ? rc : append(&fresh, &fresh_len, &room, runc, strlen(runc));
			done = word.to;
		}
	}
	rc = rc ? rc : append(&fresh, &fresh_len, &room, text + done, len - done);
	if (rc)
		return rc;
	*ret_text = TAKE_PTR(fresh);
	*ret_len = fresh_len;
	*ret_count = count;
	*ret_at = first;
	return 0;
}

/* A runtime may also have the wrapper's name; only for a path the name alone is the program. */
static bool is_path_key(const char *key)
{
	return strcasestr(key, "path") || strcasestr(key, "binaryname");
}

/*
 * Whether the value, or one in it, names the program or the wrapper by a path, or calls the hook.
 */
static bool names_truesum(const char *in_key, const json_t *value)
{
	const char *string = json_string_value(value), *key;
	struct part word;
	json_t *one;
	size_t i;

	if (string)
		return (!strcasecmp(in_key, "type") && !strcmp(string, PROGRAM)) ||
		       find_word(string, strlen(string), PROGRAM, false, 0, &word) ||
		       find_word(string, strlen(string), WRAPPER, is_path_key(in_key), 0, &word) ||
		       strstr(string, PROGRAM " guard hook");
	json_array_foreach(value, i, one)
		if (names_truesum(in_key, one))
			return true;
	json_object_foreach((json_t *)value, key, one) if (names_truesum(key, one)) return true;
	return false;
}

/* The first place where another format names truesum outside of comments. */
static bool find_in_lines(const char *text, size_t len, size_t *ret_at)
{
	for (size_t at = 0, end; at < len; at = end) {
		const char *newline = memchr(text + at, '\n', len - at);
		_cleanup_free_ char *line = NULL;
		struct part word;
		size_t size;

		end = newline ? (size_t)(newline + 1 - text) : len;
		size = before_comment(text + at, end - at);
		line = strndup(text + at, size);
		if (find_word(text, at + size, PROGRAM, false, at, &word) ||
		    find_word(text, at + size, WRAPPER, !line || is_path_key(line), at, &word)) {
			*ret_at = at;
			return true;
		}
	}
	return false;
}

static void refuse(struct chain_text *out, const char *why)
{
	free(out->text);
	out->text = NULL;
	out->len = 0;
	if (out->role == CHAIN_NOTHING)
		out->role = CHAIN_OTHER;
	snprintf(out->why, sizeof(out->why), "%s", why);
}

/* Where the program's name stands, for a message about a text that was not understood. */
static size_t line_of_name(const char *text, size_t len)
{
	const char *name = memmem(text, len, PROGRAM, strlen(PROGRAM));

	return name ? line_of(text, (size_t)(name - text)) : 1;
}

static void check_json(const char *before, size_t before_len, struct chain_text *out)
{
	json_auto_t *json = json_loadb(out->text, out->len, JSON_DECODE_ANY, NULL);

	if (json && !names_truesum("", json))
		return;
	if (out->role == CHAIN_NOTHING)
		out->line = line_of_name(before, before_len);
	refuse(out, "it names truesum in a way that only a person can take out");
}

/* What is no JSON is for no runtime, unless it reads more than JSON. */
static void judge_broken(const char *text, size_t len, struct chain_text *out)
{
	struct part word;

	if (!find_word(text, len, PROGRAM, true, 0, &word) &&
	    !find_word(text, len, WRAPPER, true, 0, &word))
		return;
	out->line = line_of(text, word.from);
	refuse(out, "it is no valid JSON, and names truesum");
}

static int out_of_json(const char *text, size_t len, struct walk *walk, struct chain_text *out)
{
	walk_value(walk, "", 0);
	if (walk->error)
		return walk->error;
	if (walk->root_hook) {
		out->role = CHAIN_HOOK;
		out->line = line_of_name(text, len);
		out->is_alone = true;
		return 0;
	}
	if (walk->cuts) {
		out->role = walk->role;
		out->line = line_of(text, walk->cut[0].from) +
			    line_of_name(text + walk->cut[0].from, len - walk->cut[0].from) - 1;
	}
	return cut_out(walk, &out->text, &out->len);
}

static int take_wrapper(const char *runc, bool is_json, struct chain_text *out)
{
	_cleanup_free_ char *fresh = NULL;
	size_t fresh_len, count, at;
	int rc = replace_wrapper(out->text, out->len, is_json, runc ? runc : "", &fresh, &fresh_len,
				 &count, &at);

	if (rc || !count)
		return rc;
	if (out->role == CHAIN_NOTHING) {
		out->role = CHAIN_RUNTIME;
		out->line = line_of(out->text, at);
	}
	if (!runc) {
		refuse(out, "there is no runc that could take the place of truesum-runc");
		return 0;
	}
	free(out->text);
	out->text = TAKE_PTR(fresh);
	out->len = fresh_len;
	return 0;
}

static int out_of_any(const char *text, size_t len, bool is_json, const char *runc,
		      struct walk *walk, struct chain_text *out)
{
	json_auto_t *json = is_json ? json_loadb(text, len, 0, NULL) : NULL;
	size_t at;
	int rc = 0;

	if (is_json && !json) {
		judge_broken(text, len, out);
		return 0;
	}
	rc = is_json ? out_of_json(text, len, walk, out) : cut_out(walk, &out->text, &out->len);
	if (rc || out->is_alone)
		return rc;
	if (walk->is_emptied) {
		refuse(out, "it is the only plugin of its list: remove the file");
		return 0;
	}
	rc = take_wrapper(runc, is_json, out);
	if (rc || !out->text)
		return rc;
	if (is_json) {
		check_json(text, len, out);
	} else if (find_in_lines(out->text, out->len, &at)) {
		out->line = out->line ? out->line : line_of(out->text, at);
		refuse(out, "it names truesum in a way that only a person can take out");
	}
	if (out->role == CHAIN_NOTHING)
		chain_text_release(out);
	return 0;
}

int chain_text_out(const char *text, size_t len, bool is_json, const char *runc,
		   struct chain_text *ret)
{
	struct chain_text out = { 0 };
	struct walk walk = { .text = text, .len = len };
	int rc = out_of_any(text, len, is_json, runc, &walk, &out);

	free(walk.cut);
	if (rc) {
		chain_text_release(&out);
		return rc;
	}
	*ret = out;
	return 0;
}

void chain_text_release(struct chain_text *chain_text)
{
	free(chain_text->text);
	chain_text->text = NULL;
}

/* ---- Putting in ---- */

/*
 * The plugin's object: the one that is there already with its other keys, or a new one. NULL: no
 * memory.
 */
static char *compose_plugin(const struct walk *walk, bool fail_open)
{
	json_auto_t *former = walk->ours.to ? json_loadb(walk->text + walk->ours.from,
							 walk->ours.to - walk->ours.from, 0, NULL)
					    : NULL;
	json_auto_t *plugin = former ? json_copy(former) : json_pack("{s:s}", "type", PROGRAM);

	if (fail_open)
		json_object_set_new(plugin, "failOpen", json_true());
	else
		json_object_del(plugin, "failOpen");
	if (former && json_equal(former, plugin))
		return strndup(walk->text + walk->ours.from, walk->ours.to - walk->ours.from);
	return plugin ? json_dumps(plugin, 0) : NULL;
}

/* Whether the plugin would accept a call with this list's version and name, and its own keys. */
static int accept_call(const json_t *list, const char *plugin)
{
	const struct cni_environment environment = { "ADD", "chain", "/run/netns/chain", "eth0" };
	json_auto_t *config = json_loads(plugin, 0, NULL);
	_cleanup_(cni_request_release) struct cni_request request = { 0 };
	struct cni_error error;
	_cleanup_free_ char *call = NULL;

	if (config)
		json_object_set_new(config, "prevResult", json_object());
	for (size_t i = 0; config && i < 2; i++) {
		const char *key = i ? "name" : "cniVersion";

		if (json_object_get(list, key))
			json_object_set(config, key, json_object_get(list, key));
	}
	call = config ? json_dumps(config, JSON_COMPACT) : NULL;
	if (!call)
		return fail(-ENOMEM, "out of memory");
	if (cni_parse(&environment, call, strlen(call), &request, &error))
		return fail(-EINVAL, "truesum would refuse it: %s%s%s", error.msg,
			    *error.details ? ": " : "", error.details);
	return 0;
}

/* Where the plugin goes: behind the last one, with the same blanks before it as that one has. */
static int insert(const struct walk *walk, const char *plugin, char **ret_text)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0, room = 0, end = walk->last.to, blank = walk->last.from;
	int rc;

	if (walk->ours.to) {
		rc = append(&text, &len, &room, walk->text, walk->ours.from);
		rc = rc ? rc : append(&text, &len, &room, plugin, strlen(plugin));
		end = walk->ours.to;
	} else {
		while (isspace((unsigned char)walk->text[blank - 1]))
			blank--;
		rc = append(&text, &len, &room, walk->text, end);
		rc = rc ? rc : append(&text, &len, &room, ",", 1);
		rc = rc ? rc
			: append(&text, &len, &room, walk->text + blank, walk->last.from - blank);
		rc = rc ? rc : append(&text, &len, &room, plugin, strlen(plugin));
	}
	rc = rc ? rc : append(&text, &len, &room, walk->text + end, walk->len - end);
	if (rc)
		return rc;
	*ret_text = TAKE_PTR(text);
	return 0;
}

static const char *first_type(const json_t *list)
{
	const json_t *plugins = json_object_get(list, "plugins");
	const char *type = NULL;

	for (size_t i = 0; i < json_array_size(plugins); i++) {
		type = json_string_value(json_object_get(json_array_get(plugins, i), "type"));
		if (!type || strcmp(type, PROGRAM) != 0)
			return type;
	}
	return NULL;
}

static int check_list(const json_t *list, const json_error_t *why)
{
	if (!list)
		return fail(-EINVAL, "it is no valid JSON (line %d, column %d)", why->line,
			    why->column);
	if (!json_is_array(json_object_get(list, "plugins")))
		return fail(-EINVAL,
			    "it has no list of \"plugins\": truesum can only be chained in a "
			    "list (.conflist)");
	if (!first_type(list))
		return fail(-EINVAL, "it has no plugin that makes an interface: truesum can only "
				     "follow one");
	return 0;
}

int chain_text_in(const char *text, size_t len, bool fail_open, char **ret_text, char *ret_first,
		  size_t first_size)
{
	struct walk walk = { .text = text, .len = len };
	json_error_t why;
	json_auto_t *list = json_loadb(text, len, 0, &why);
	_cleanup_free_ char *plugin = NULL;
	int rc = check_list(list, &why);

	if (rc)
		return rc;
	walk_value(&walk, "", 0);
	free(walk.cut);
	if (walk.error)
		return walk.error;
	if (walk.plugins != json_array_size(json_object_get(list, "plugins")))
		return fail(-EINVAL, "it has more than one list of \"plugins\"");
	plugin = compose_plugin(&walk, fail_open);
	if (!plugin)
		return fail(-ENOMEM, "out of memory");
	rc = accept_call(list, plugin);
	rc = rc ? rc : insert(&walk, plugin, ret_text);
	if (!rc)
		snprintf(ret_first, first_size, "%s", first_type(list));
	return rc;
}

char *chain_text_hook(const char *program, bool fail_open)
{
	json_auto_t *path = json_string(program);
	char *quoted = path ? json_dumps(path, JSON_ENCODE_ANY) : NULL, *text = NULL;

	if (quoted &&
	    asprintf(
		    &text,
		    "{\n  \"version\": \"1.0.0\",\n  \"hook\": {\n    \"path\": %s,\n"
		    "    \"args\": [\"truesum\", \"guard\", \"hook\"%s],\n    \"timeout\": 10\n  },\n"
		    "  \"when\": { \"always\": true },\n"
		    "  \"stages\": [\"createRuntime\", \"poststop\"]\n}\n",
		    quoted, fail_open ? ", \"--fail-open\"" : "") < 0)
		text = NULL;
	free(quoted);
	return text;
}

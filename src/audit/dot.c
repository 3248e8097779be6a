// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Graphviz: see dot.h. Names are quoted strings of the DOT language, in which '"' and '\' are
 * escaped.
 */
#include "audit/dot.h"

#include <string.h>

static const char *const fill[] = { "#fff6c8", "#ffd9a0", "#ffb3b3" }; /* by severity */

static void escaped(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		fputc(*text, out);
	}
}

static void node(const struct audit_facts *facts, const struct audit_findings *findings,
		 const struct audit_row *row, size_t number, FILE *out)
{
	const struct device *device = audit_device(facts, row->place);
	int severity = audit_severity_at(findings, row->place);

	fprintf(out, "\t\tn%zu [label=\"", number);
	if (row->more) {
		fprintf(out, "and %zu more\\nlike these\" shape=plaintext];\n", row->more);
		return;
	}
	escaped(out, audit_more(facts, row->place)->name);
	fprintf(out, "\\n");
	escaped(out, *device->driver ? device->driver : device->kind);
	fprintf(out, ", mtu %u", device->mtu);
	for (size_t i = 0; i < audit_more(facts, row->place)->program_count; i++) {
		const struct audit_program *program = &audit_more(facts, row->place)->program[i];

		fprintf(out, "\\n%s ", program->hook);
		escaped(out, program->name);
	}
	fprintf(out, "\"");
	if (severity >= 0)
		fprintf(out, " style=filled fillcolor=\"%s\"", fill[severity]);
	fprintf(out, "];\n");
}

static void cluster(const struct audit_facts *facts, const struct audit_findings *findings,
		    const struct audit_tree *tree, size_t space, FILE *out)
{
	struct audit_place itself = { space, AUDIT_NONE };
	int severity = audit_severity_at(findings, itself);
	bool any = false;

	for (size_t i = 0; i < tree->count; i++) {
		const struct audit_row *row = &tree->row[i];

		if (row->place.space != space || row->place.device == AUDIT_NONE)
			continue;
		if (!any) {
			fprintf(out, "\tsubgraph cluster_%zu {\n\t\tlabel=\"", space);
			escaped(out, facts->space[space].name);
			fprintf(out, "\";\n");
			if (severity >= 0)
				fprintf(out, "\t\tbgcolor=\"%s\";\n", fill[severity]);
		}
		any = true;
		node(facts, findings, row, i, out);
	}
	if (any)
		fprintf(out, "\t}\n");
}

void audit_dot(const struct audit_facts *facts, const struct audit_findings *findings,
	       const struct audit_tree *tree, FILE *out)
{
	fprintf(out,
		"graph truesum {\n\trankdir=LR;\n\tnode [shape=box fontname=\"sans-serif\"];\n");
	for (size_t i = 0; i < facts->inventory.space_count; i++)
		cluster(facts, findings, tree, i, out);
	for (size_t i = 0; i < tree->count; i++) {
		const struct audit_row *row = &tree->row[i];

		if (row->parent != AUDIT_NONE && tree->row[row->parent].place.device != AUDIT_NONE)
			fprintf(out, "\tn%zu -- n%zu;\n", row->parent, i);
	}
	fprintf(out, "}\n");
}

// SPDX-License-Identifier: GPL-2.0-or-later
/* From the checks' verdicts to the targets', and to one of all: see conclude.h. */
#include "probe/conclude.h"

#include "base/cleanup.h"

unsigned int conclude_damaged(const struct probe_target *target, uint8_t proto)
{
	unsigned int damaged = 0;

	for (size_t i = 0; i < target->check_count; i++) {
		const struct check *check = target->check[i].check;

		for (unsigned int k = 0; check->letters[k] != TREAT_END; k++)
			damaged += check->proto == proto && check->shape != SHAPE_NO_CHECK &&
				   letter_is_seen(check->letters[k]);
	}
	return damaged;
}

enum verdict conclude_target(const struct probe_target *target)
{
	unsigned int seen[VERDICTS] = { 0 };

	for (size_t i = 0; i < target->check_count; i++) {
		const struct probe_check *check = &target->check[i];

		/* Fragments or merged packets that do not come through are no way in to judge. */
		if (!check->in.inherent &&
		    (check->in.verdict != VERDICT_BLOCKED || check->check->shape == SHAPE_SINGLE))
			seen[check->in.verdict]++;
		if (check->out.verdict == VERDICT_DELIVERS_CORRUPT)
			seen[VERDICT_DELIVERS_CORRUPT]++;
	}
	seen[VERDICT_BLOCKED] += target->cut_off;
	if (seen[VERDICT_DELIVERS_CORRUPT])
		return VERDICT_DELIVERS_CORRUPT;
	if (seen[VERDICT_UNKNOWN] || target->vanished[0])
		return VERDICT_UNKNOWN;
	return seen[VERDICT_VERIFIED] && !seen[VERDICT_BLOCKED] ? VERDICT_VERIFIED
								: VERDICT_BLOCKED;
}

enum verdict conclude(const struct probe *probe)
{
	enum verdict worst = VERDICTS;

	for (size_t i = 0; i < probe->target_count; i++)
		if (!probe->target[i].isolated)
			worst = verdict_worse(worst, probe->target[i].verdict);
	return worst == VERDICTS ? VERDICT_BLOCKED : worst;
}

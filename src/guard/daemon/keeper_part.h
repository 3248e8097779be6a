/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What keeper.c and keeper_records.c share. */
#ifndef TRUESUM_GUARD_DAEMON_KEEPER_PART_H
#define TRUESUM_GUARD_DAEMON_KEEPER_PART_H

#include "guard/daemon/keeper.h"
#include "guard/mitigate.h"
#include "guard/daemon/queue.h"

struct keeper {
	struct loop *loop;
	struct keeper_settings settings;
	struct watch *watch;
	struct mitigator *mitigator;
	struct netns_entry host;
	struct queue fresh, changed;
	unsigned int sought; /* dead namespaces, the long way */
	bool began, paused, may_act; /* may_act: changes have settled */
	struct loop_source *worker, *settle;
};

bool space_is_host(const struct netns_entry *space);
struct kept_device *keeper_device(const struct netns_entry *space, int index);

/* Takes over what is recorded; drops what is recorded of places that are gone. */
void keeper_adopt(struct keeper *keeper);

/* Takes off what is recorded of a place and not wanted, while what is wanted stays in force. */
int keeper_take_off(const struct journal_place *place, uint32_t wanted);

#endif

// SPDX-License-Identifier: GPL-2.0-or-later
// forwarding_users: who else needs forwarding, for sysctl_plan().
#include "judge/forwarding_users.h"

#include "judge/blocker.h"

static void add(struct forwarding_users *users, const struct forwarder *forwarder)
{
	const char *name = forwarder->name;

	/* Who it is belongs to the name: Docker may come to a chain that others have had before. */
	for (size_t i = 0; i < forwarder->n_who; i++)
		name = arena_printf(users->arena, "%s%s%s", name, i == 0 ? " of " : ", ",
				    forwarder->who[i]->name);
	for (enum family f = 0; f < FAMILY__COUNT; f++) {
		struct sysctl_users *of = &users->of[f];

		if (!foreign_has_family(forwarder->base->table, f))
			continue;
		of->names = arena_grow(users->arena, of->names, of->n, &of->cap,
				       sizeof(*of->names));
		of->names[of->n++] = name;
	}
}

static void read_users(struct forwarding_users *users)
{
	struct forwarders forwarders;
	struct foreign foreign;
	struct diags unheard;

	users->read = true;
	diags_init(&unheard, users->arena);
	if (foreign_read(users->arena, &unheard, 0, &foreign) != 0)
		return;
	blocker_forwarders(&foreign, &forwarders);
	for (size_t i = 0; i < forwarders.n; i++)
		add(users, &forwarders.items[i]);
}

void forwarding_users_find(void *data, enum family family, struct sysctl_users *out)
{
	struct forwarding_users *users = data;

	if (!users->read)
		read_users(users);
	*out = users->of[family];
}

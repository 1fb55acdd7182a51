/* SPDX-License-Identifier: MIT */
/*
 * Mappings as holds. One of a file is enough, as its number says who it is: but on btrfs and
 * overlayfs, where different files show the same number. There each mapping is a hold of its own,
 * less the parts of one file that follow each other.
 */
#include "broker/scan/mapping_holds.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sysmacros.h>

#include "broker/scan/mappings.h"

struct mapping_sink {
	const struct reader *reader;
	struct link_reader *links;
	/* Files seen last; the mappings of a library follow each other. */
	struct {
		uint64_t device;
		uint64_t inode;
	} recent[64];
	struct mapping last;
	bool is_ambiguous; /* its device's numbers */
};

/* Of such numbers every mapping may be another file, but for the parts of one: they follow each
 * other in the file as well. */
static bool is_part(const struct mapping *mapping, const struct mapping *last)
{
	return mapping->device == last->device && mapping->inode == last->inode &&
	       mapping->address == last->end && mapping->offset > last->offset &&
	       mapping->offset - last->offset <= last->end - last->address;
}

/* Only devices that are no disk's have numbers like that. */
static bool is_ambiguous(const struct mapping_sink *sink, uint64_t device)
{
	if (device == sink->last.device) {
		return sink->is_ambiguous;
	}
	return major(device) == 0 && mount_tables_maps_differ(&sink->reader->mounts,
							      sink->links->mount_namespace, device);
}

static int on_mapping(const struct mapping *mapping, void *userdata)
{
	struct mapping_sink *sink = userdata;
	size_t place = (mapping->inode ^ mapping->device) % ARRAY_SIZE(sink->recent);
	struct found_hold found = {
		.device = mapping->device,
		.inode = mapping->inode,
		.by_maps = true,
		.hold = {.kind = HOLD_MAPPING, .task = sink->links->task & MAX_HOLD_TASK},
	};

	bool is_again = sink->recent[place].inode == mapping->inode &&
			sink->recent[place].device == mapping->device;
	bool follows = is_part(mapping, &sink->last);

	found.is_ambiguous = is_ambiguous(sink, mapping->device);
	sink->is_ambiguous = found.is_ambiguous;
	sink->last = *mapping;
	if (found.is_ambiguous ? follows : is_again) {
		return 0;
	}
	if (kernel_devices_has(&sink->reader->kernel, mapping->device)) {
		return 0;
	}
	sink->recent[place].device = mapping->device;
	sink->recent[place].inode = mapping->inode;
	found.hold.address = mapping->address;
	found.hold.end = mapping->end;
	return hold_list_add(sink->links->list, &found);
}

int mapping_holds_read(const struct reader *reader, struct link_reader *links, int *ret_fd)
{
	struct mapping_sink sink = {.reader = reader, .links = links};
	int r;

	*ret_fd = openat(links->fd, "maps", O_RDONLY | O_CLOEXEC);
	r = *ret_fd < 0
		    ? negative_errno()
		    : mappings_read(*ret_fd, reader->by_text, reader->cancelled, on_mapping, &sink);
	if (r == -ENOMEM || r == -ECANCELED) {
		return r;
	}
	if (r < 0 && r != -ESRCH && r != -ENOENT && !links->error) {
		links->error = -r;
	}
	return 0;
}

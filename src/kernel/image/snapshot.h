// SPDX-License-Identifier: GPL-2.0-or-later
// snapshot: images as bytes, so that what was there can be made again.
#ifndef IMAGE_SNAPSHOT_H
#define IMAGE_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hostgate/buf.h"
#include "image/image.h"

/** Bytes that are read from front to back. Once something is wrong, bad stays set. */
struct snapshot {
	const uint8_t *at;
	size_t left;
	bool bad;
};

/** Write and read parts, in the machine's own order of bytes: it never leaves this boot. */
void snapshot_add_u32(struct buf *out, uint32_t value);
void snapshot_add_bytes(struct buf *out, const void *bytes, size_t len);
void snapshot_add_text(struct buf *out, const char *text);
uint32_t snapshot_take_u32(struct snapshot *snapshot);
struct blob snapshot_take_bytes(struct snapshot *snapshot);
/** A copy in arena; "" when something is wrong. */
const char *snapshot_take_text(struct snapshot *snapshot, struct arena *arena);

/** Returns a number that tells whether bytes are still what they were, but for chance. */
uint64_t snapshot_sum(const void *bytes, size_t len);

/** Writes all of the image. */
void snapshot_add_image(struct buf *out, const struct image *image);

/**
 * Fills image (empty, from image_init()) and finishes it. Rules and elements refer to no ruleset.
 * Returns false when the bytes are no image.
 */
bool snapshot_take_image(struct snapshot *snapshot, struct image *image);

#endif

/* Stands in for Apple's; musl has none. */
#pragma once
#include <stddef.h>
int sysctlbyname(const char *name, void *old, size_t *old_length, void *new_value, size_t new_length);

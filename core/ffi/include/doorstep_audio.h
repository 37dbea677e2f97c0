// How sound crosses: see core/ffi/src/audio.rs. Mono 16-bit samples in the machine's byte order.
#pragma once

#include <stdint.h>

// What the microphone heard. 0, or -1 when the port is gone.
int32_t doorstep_audio_capture(uint64_t port, const int16_t *_Nullable samples, uint32_t count);

// Fills in what the speaker is to play: silence when nobody speaks. 0, or -1 when the port is gone (then all is silence).
int32_t doorstep_audio_playout(uint64_t port, int16_t *_Nullable samples, uint32_t count);

// CallKit, PushKit and the audio session.

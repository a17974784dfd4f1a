"""Programs that speak other protocols: VMC over OSC (VRM avatars), Live Link Face (Unreal Engine and others)."""

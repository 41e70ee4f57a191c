"""Body models: parameters in, posed surface, joints and bones out."""

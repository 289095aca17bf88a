"""What everything stands on: arrays of three frameworks, numbers and checks, twice the digits, callbacks."""

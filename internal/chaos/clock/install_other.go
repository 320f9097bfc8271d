//go:build !linux || !amd64

package clock

// Supported reports whether clocks can be set here.
const Supported = false

func install() error { return ErrUnsupported }

package taskstest_test

import (
	"fmt"
	"runtime"
	"testing"
)

// spy is a test that records how it fails.
type spy struct {
	testing.TB
	said string
}

func (*spy) Helper() {}

func (s *spy) Fatalf(format string, args ...any) {
	s.said = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

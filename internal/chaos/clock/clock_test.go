package clock_test

import (
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coretasks/core/internal/chaos/clock"
)

// A clock that is set jumps, and only the wall's: the monotonic one, timers and other processes go on.
func TestSet(t *testing.T) { //nolint:paralleltest // the clock is that of all tests
	begin := time.Now()
	err := clock.Set(0)
	if !clock.Supported {
		if !errors.Is(err, clock.ErrUnsupported) {
			t.Errorf("error %v", err)
		}
		return
	}
	for _, ahead := range []time.Duration{time.Hour, -4 * time.Second, 0} {
		if err := clock.Set(ahead); err != nil {
			t.Fatal(err)
		}
		date, err := exec.CommandContext(t.Context(), "date", "+%s").Output()
		if err != nil {
			t.Fatal(err)
		}
		machine, err := strconv.ParseInt(strings.TrimSpace(string(date)), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		now, actual := time.Now(), clock.True()
		if got := now.Unix() - machine; got < int64(ahead.Seconds()) || got > int64(ahead.Seconds())+5 {
			t.Errorf("set to %v, the clock is %d s ahead", ahead, got)
		}
		if got := actual.Unix() - machine; got < 0 || got > 5 {
			t.Errorf("set to %v, the true time is %d s ahead", ahead, got)
		}
		if passed := now.Sub(begin); passed < 0 || passed > 30*time.Second {
			t.Errorf("set to %v, %v have passed since the start", ahead, passed)
		}
	}
}

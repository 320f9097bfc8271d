package chaos

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/coretasks/core/internal/chaos/clock"
)

// clockVar names the file that says how many seconds a process's clock is ahead.
const clockVar = "CORE_CHAOS_CLOCK"

const clockLook = 100 * time.Millisecond

// obeyClock sets this process's clock as its file says, and again whenever that changes. Without a file the clock is the
// machine's.
func obeyClock() error {
	path := os.Getenv(clockVar)
	if path == "" || !clock.Supported {
		return nil
	}
	seconds, err := readClock(path)
	if err != nil {
		return err
	}
	if err := clock.Set(seconds); err != nil {
		return err
	}
	go func() {
		for {
			time.Sleep(clockLook)
			next, err := readClock(path)
			if err == nil && next != seconds {
				seconds, err = next, clock.Set(next)
			}
			if err != nil {
				fmt.Fprintln(os.Stderr, "clock:", err)
			}
		}
	}()
	return nil
}

func readClock(path string) (time.Duration, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	seconds, err := strconv.Atoi(strings.TrimSpace(string(text)))
	return time.Duration(seconds) * time.Second, err
}

// setClock steps a service's clock within [clockLook], whether it runs or not.
func (s *service) setClock(ahead time.Duration) error {
	path := s.clockPath()
	// Never half a number: it is read at any moment.
	if err := os.WriteFile(path+".new", []byte(strconv.Itoa(int(ahead/time.Second))), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

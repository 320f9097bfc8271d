package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// span is a flag's length of time that people count in days as well.
type span time.Duration

// Set implements [pflag.Value].
func (s *span) Set(text string) error {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err == nil && n <= maxDays {
			*s = span(n) * span(24*time.Hour)
			return nil
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("%q is no length of time; use one such as 90s, 15m, 36h or 3d", text)
	}
	*s = span(d)
	return nil
}

// maxDays is more than SQS keeps a message, and than EventBridge looks ahead, and fits in a duration.
const maxDays = 36500

// String implements [pflag.Value].
func (s *span) String() string { return time.Duration(*s).String() }

// Type implements [pflag.Value].
func (s *span) Type() string { return "duration" }

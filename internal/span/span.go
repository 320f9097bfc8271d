// Package span reads lengths of time as people write them: on the command line, in variables and over HTTP.
package span

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxDays is more than SQS keeps a message, and than EventBridge looks ahead, and fits in a duration.
const maxDays = 36500

// Parse reads what time.ParseDuration reads, and days, alone or before that: "90s", "36h", "3d", "1d12h". The error
// says how a length of time is written.
func Parse(text string) (time.Duration, error) {
	days, rest, hasDays := strings.Cut(text, "d")
	if !hasDays {
		days, rest = "", text
	}
	d, err := time.Duration(0), error(nil)
	if rest != "" || !hasDays {
		d, err = time.ParseDuration(rest)
	}
	if hasDays {
		n, parseErr := strconv.ParseUint(days, 10, 16)
		if err != nil || parseErr != nil || n > maxDays || d < 0 || rest != "" && rest[0] == '+' {
			err = strconv.ErrSyntax
		}
		d += time.Duration(n) * 24 * time.Hour
	}
	if err != nil {
		return 0, fmt.Errorf("%.100q is no length of time; use one such as 90s, 15m, 36h or 3d", text)
	}
	return d, nil
}

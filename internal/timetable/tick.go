package timetable

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// tickTime is how EventBridge renders <aws.scheduler.scheduled-time>.
const tickTime = "2006-01-02T15:04:05Z"

// Base is the instant at which EventBridge fires for a tick: the tick itself, or, where its message is delayed by an
// offset, the start of the pattern that the tick is in.
func (t *Timetable) Base(tick time.Time) time.Time {
	if !t.offset() {
		return tick
	}
	return time.Unix(floor(tick.Unix(), t.pattern), 0).In(tick.Location())
}

// TickID is the id of the job of one tick, "name@2006-01-02T15:04:05Z", which is the same whoever fires it. Where the
// message is delayed by an offset, EventBridge can only render the instant at which it fires, so the id is that instant
// and the offset: "name@2006-01-02T15:04:00Z+10s".
func (t *Timetable) TickID(name string, tick time.Time) string {
	base := t.Base(tick)
	return name + "@" + base.UTC().Format(tickTime) + OffsetSuffix(tick.Sub(base))
}

// OffsetSuffix is what TickID puts behind the time for an offset: "+10s", or nothing for 0.
func OffsetSuffix(offset time.Duration) string {
	if offset == 0 {
		return ""
	}
	return fmt.Sprintf("+%ds", seconds(offset))
}

// ParseTickID reads what [Timetable.TickID] wrote; ok tells whether id is the id of a tick at all.
func ParseTickID(id string) (name string, tick time.Time, ok bool) {
	at := strings.LastIndexByte(id, '@')
	if at < 1 {
		return "", time.Time{}, false
	}
	stamp, suffix, _ := strings.Cut(id[at+1:], "+")
	tick, err := time.Parse(tickTime, stamp)
	if err != nil {
		return "", time.Time{}, false
	}
	offset, _ := strconv.Atoi(strings.TrimSuffix(suffix, "s"))
	tick = tick.Add(time.Duration(offset) * time.Second)
	if canonical := tick.Add(-time.Duration(offset)*time.Second).Format(tickTime) + OffsetSuffix(time.Duration(offset)*time.Second); offset < 0 || canonical != id[at+1:] {
		return "", time.Time{}, false
	}
	return id[:at], tick, true
}

package emulator

import (
	"errors"
	"fmt"
	"math"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/coretasks/core/emulator/internal/schedule"
)

// What a file holds is checked as it is read. A row that this program can't have written is damage, and going on with it
// could cost rows that are fine: a retention period that is no number would expire a whole queue, a number that is given
// out twice would overwrite a message.

const (
	// maxRuns is how many runs have numbers of their own in an int64.
	maxRuns = math.MaxInt64 / idsPerRun
	// maxMilli is the end of the year 9999, beyond which RFC 3339 has no times.
	maxMilli = 253_402_300_799_999
)

// openError explains an error of opening a file or of reading it into memory. There a statement that SQLite can't run, and
// a value that is not of its column's type, mean that the tables are not as this program makes them.
func openError(path string, err error) error {
	var known *StateError
	var s *sqlite.Error
	switch {
	case errors.As(err, &known):
		return err
	case !errors.As(err, &s):
		return corrupt(path, err.Error())
	}
	switch s.Code() & 0xff {
	case lib.SQLITE_ERROR, lib.SQLITE_CONSTRAINT, lib.SQLITE_MISMATCH, lib.SQLITE_TOOBIG, lib.SQLITE_FORMAT:
		return corrupt(path, s.Error())
	}
	return stateError(path, err)
}

func checkRun(run int64) error {
	if run < 1 || run >= maxRuns {
		return fmt.Errorf("its number of runs is %d", run)
	}
	return nil
}

// checkID checks the number of a queue, a message or a schedule: those of earlier runs are smaller than any of this one.
func (e *Emulator) checkID(id int64) error {
	if id < 1 || id >= e.nextID {
		return fmt.Errorf("its number %d was never given out", id)
	}
	return nil
}

func checkMilli(times ...int64) error {
	for _, ms := range times {
		if ms < 0 || ms > maxMilli {
			return fmt.Errorf("%d is no time", ms)
		}
	}
	return nil
}

func (e *Emulator) checkQueueRow(id int64, row *queueRow) error {
	if !isRegion(row.Region) {
		return fmt.Errorf("%q is no region", row.Region)
	}
	if !isName(row.Name) || e.queues[inRegion{row.Region, row.Name}] != nil {
		return fmt.Errorf("its name %q is none, or another's", row.Name)
	}
	for name, value := range row.Attrs {
		if err := checkAttribute(name, value); err != nil {
			return err
		}
	}
	return firstError(e.checkID(id), checkMilli(row.Created, row.Modified))
}

// checkMessageRow also looks for characters that no message can have: a client that is handed them computes another digest
// than we do, and refuses all that it received along with the message.
func (e *Emulator) checkMessageRow(m *message) error {
	d := &m.delivery
	if d.receives < 0 || d.receives > math.MaxInt32 {
		return fmt.Errorf("it was received %d times", d.receives)
	}
	for name, a := range m.attrs {
		if err := checkTexts(name, a.Type, a.String); err != nil {
			return err
		}
	}
	return firstError(e.checkID(m.seq), checkMilli(m.sentAt, d.visibleAt, d.firstReceived, d.receivedAt),
		checkTexts(m.id, m.body, m.group, m.trace, m.sender, m.source))
}

func checkTexts(texts ...string) error {
	for _, s := range texts {
		if !isText(s) {
			return errors.New("it has a character that no message can have")
		}
	}
	return nil
}

func checkMoveRow(m *moveTask) error {
	if m.Rate < 0 || m.Rate > maxMoveRate {
		return fmt.Errorf("it moves %d messages a second", m.Rate)
	}
	switch m.Status {
	case moveRunning, moveCompleted, moveCancelled, moveFailed:
		return checkMilli(m.Started)
	}
	return fmt.Errorf("its status is %q", m.Status)
}

func checkGroupRow(key inRegion, row *groupRow) error {
	c := &schedule.Checks{}
	c.Name(&row.Name, "name")
	if err := c.Err(); err != nil {
		return err
	}
	if !isRegion(row.Region) {
		return fmt.Errorf("%q is no region", row.Region)
	}
	if row.key() != key {
		return fmt.Errorf("it is kept as %q and called %q", key, row.key())
	}
	return checkMilli(row.Created, row.Modified)
}

func (e *Emulator) checkScheduleRow(s *scheduleState) error {
	if err := schedule.Check(&s.Definition); err != nil {
		return err
	}
	if !isRegion(s.Region) {
		return fmt.Errorf("%q is no region", s.Region)
	}
	name, group := *s.Definition.Name, e.timetable.group(inRegion{s.Region, schedule.Group(s.Definition.GroupName)})
	switch {
	case s.Definition.GroupName == nil || group == nil:
		return errors.New("its group does not exist")
	case group.schedules[name] != nil:
		return fmt.Errorf("its name %q is another's", name)
	}
	for _, f := range s.progress.Pending {
		if f.Attempts < 0 {
			return fmt.Errorf("it was attempted %d times", f.Attempts)
		}
	}
	return firstError(e.checkID(s.id), checkMilli(s.Created, s.Modified))
}

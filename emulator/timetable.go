package emulator

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/coretasks/core/emulator/internal/schedule"
)

// timetable is the state of EventBridge Scheduler, guarded by the emulator's lock. Every schedule belongs to a group.
type timetable struct {
	groups  map[inRegion]*scheduleGroup // the default group of a region only once there is something to keep of it
	count   int
	counts  map[string]int // by region
	due     agenda[*scheduleState]
	wake    chan struct{} // the firing loop should look again
	running bool          // the firing loop was started, which the first schedule does
}

// scheduleGroup holds schedules by name.
type scheduleGroup struct {
	groupRow
	schedules map[string]*scheduleState
}

// groupRow is a group as the file has it, in JSON.
type groupRow struct {
	Region   string            `json:"region"`
	Name     string            `json:"name"`
	Created  int64             `json:"created"`  // ms; 0 for the default group, which was always there
	Modified int64             `json:"modified"` // ms
	Tags     map[string]string `json:"tags,omitempty"`
	Token    string            `json:"token,omitempty"` // ClientToken of its creation
}

func (g *groupRow) key() inRegion { return inRegion{g.Region, g.Name} }

// scheduleState is one schedule and how far it has come.
type scheduleState struct {
	id int64
	scheduleRow
	timing   *schedule.Timing
	progress schedule.Progress
	wake     int64 // ms; the next time that there is something to do
	index    int   // in the agenda; -1 where there is nothing to do
}

// scheduleRow is a schedule as the file has it, in JSON; its progress is a column of its own, written at each firing.
type scheduleRow struct {
	Region     string              `json:"region"`
	Definition schedule.Definition `json:"definition"`
	Created    int64               `json:"created"`  // ms
	Modified   int64               `json:"modified"` // ms
	Token      string              `json:"token,omitempty"`
}

// group is where a schedule is.
func (s *scheduleState) group() inRegion { return inRegion{s.Region, *s.Definition.GroupName} }

func (s *scheduleState) before(other *scheduleState) bool {
	if s.wake != other.wake {
		return s.wake < other.wake
	}
	return s.id < other.id
}

func (s *scheduleState) setIndex(i int) { s.index = i }
func (s *scheduleState) getIndex() int  { return s.index }

func newTimetable() timetable {
	return timetable{groups: map[inRegion]*scheduleGroup{}, counts: map[string]int{}, wake: make(chan struct{}, 1)}
}

// group finds a group, or nil. Each region has a default group, that was always there.
func (t *timetable) group(at inRegion) *scheduleGroup {
	if g := t.groups[at]; g != nil || at.name != schedule.DefaultGroup {
		return g
	}
	return newScheduleGroup(groupRow{Region: at.region, Name: at.name})
}

// groupsIn are the groups of a region.
func (t *timetable) groupsIn(region string) []*scheduleGroup {
	byDefault := inRegion{region, schedule.DefaultGroup}
	groups := []*scheduleGroup{t.group(byDefault)}
	for at, g := range t.groups {
		if at.region == region && at != byDefault {
			groups = append(groups, g)
		}
	}
	return groups
}

func newScheduleGroup(row groupRow) *scheduleGroup {
	return &scheduleGroup{groupRow: row, schedules: map[string]*scheduleState{}}
}

// insert adds a schedule to its group, which is there.
func (t *timetable) insert(s *scheduleState) {
	g := t.group(s.group())
	t.groups[s.group()] = g
	g.schedules[*s.Definition.Name] = s
	t.count++
	t.counts[s.Region]++
	s.index = -1
	t.place(s)
}

func (t *timetable) remove(s *scheduleState) {
	delete(t.groups[s.group()].schedules, *s.Definition.Name)
	t.count--
	t.counts[s.Region]--
	t.unplace(s)
}

// place files a schedule by when there is something to do for it.
func (t *timetable) place(s *scheduleState) {
	t.unplace(s)
	wake := s.timing.Wake(s.progress)
	if wake.IsZero() {
		return
	}
	s.wake = ceilMilli(wake)
	t.due.add(s)
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

func (t *timetable) unplace(s *scheduleState) {
	if s.index >= 0 {
		t.due.drop(s)
		s.index = -1
	}
}

// ceilMilli never is before the time, so that what is due by it is due by the other.
func ceilMilli(at time.Time) int64 {
	ms := at.UnixMilli()
	if at.After(time.UnixMilli(ms)) && ms < math.MaxInt64 {
		ms++
	}
	return ms
}

func (e *Emulator) scheduleARN(s *scheduleState) string {
	return e.schedulerARN(s.Region, "schedule/"+*s.Definition.GroupName+"/"+*s.Definition.Name)
}

func (e *Emulator) groupARN(at inRegion) string {
	return e.schedulerARN(at.region, "schedule-group/"+at.name)
}

func (e *Emulator) schedulerARN(region, resource string) string {
	return "arn:" + partition(region) + ":scheduler:" + region + ":" + e.cfg.AccountID + ":" + resource
}

func (e *Emulator) loadGroups(ctx context.Context, s *store) error {
	return s.each(ctx, "SELECT region, name, definition FROM schedule_groups", func(rows *sql.Rows) error {
		var at inRegion
		var text string
		if err := rows.Scan(&at.region, &at.name, &text); err != nil {
			return err
		}
		var row groupRow
		if err := json.Unmarshal([]byte(text), &row); err != nil {
			return corrupt(s.path, fmt.Sprintf("a schedule group: %v", err))
		}
		if err := checkGroupRow(at, &row); err != nil {
			return corrupt(s.path, fmt.Sprintf("schedule group %q: %v", at.name, err))
		}
		e.timetable.groups[at] = newScheduleGroup(row)
		return nil
	})
}

func (e *Emulator) loadSchedules(ctx context.Context, s *store) error {
	return s.each(ctx, "SELECT id, definition, progress FROM schedules", func(rows *sql.Rows) error {
		one := &scheduleState{}
		var definition, progress string
		if err := rows.Scan(&one.id, &definition, &progress); err != nil {
			return err
		}
		broken := func(err error) error { return corrupt(s.path, fmt.Sprintf("schedule %d: %v", one.id, err)) }
		if err := json.Unmarshal([]byte(definition), &one.scheduleRow); err != nil {
			return broken(err)
		}
		if err := json.Unmarshal([]byte(progress), &one.progress); err != nil {
			return broken(err)
		}
		tidy(one.Definition.ScheduleExpression)
		if err := e.checkScheduleRow(one); err != nil {
			return broken(err)
		}
		var err error
		if one.timing, err = schedule.NewTiming(&one.Definition, time.UnixMilli(one.Created)); err != nil {
			return broken(err)
		}
		e.timetable.insert(one)
		return nil
	})
}

// tidy takes blanks out of an expression, in place, that are refused today: earlier versions accepted them next to the
// parentheses, and tabs between fields.
func tidy(expression *string) {
	if expression == nil {
		return
	}
	kind, rest, ok := strings.Cut(*expression, "(")
	inner, closed := strings.CutSuffix(rest, ")")
	if ok && closed {
		*expression = kind + "(" + strings.Join(strings.Fields(inner), " ") + ")"
	}
}

// putGroup creates or changes a group. The row is not changed afterwards.
func (t *tx) putGroup(row groupRow) {
	groups := t.e.timetable.groups
	g, old := groups[row.key()], groupRow{}
	if g == nil {
		g = newScheduleGroup(row)
		groups[row.key()] = g
	} else {
		old = g.groupRow
		g.groupRow = row
	}
	t.log(record{kind: recPutGroup, data: row}, func() {
		if old.Name == "" {
			delete(groups, row.key())
		} else {
			g.groupRow = old
		}
	})
}

// deleteGroup takes a group and its schedules away.
func (t *tx) deleteGroup(g *scheduleGroup) {
	for _, s := range g.schedules {
		t.deleteSchedule(s)
	}
	groups := t.e.timetable.groups
	delete(groups, g.key())
	t.log(record{kind: recDeleteGroup, data: g.groupRow}, func() { groups[g.key()] = g })
}

// addSchedule adds a schedule and sees to it that it fires.
func (t *tx) addSchedule(s *scheduleState) {
	t.e.timetable.insert(s)
	t.e.startFiring()
	t.logSchedule(s, func() { t.e.timetable.remove(s) })
}

// changeSchedule puts other content into a schedule.
func (t *tx) changeSchedule(s *scheduleState, row scheduleRow, timing *schedule.Timing, p schedule.Progress) {
	old := *s
	s.scheduleRow, s.timing, s.progress = row, timing, p
	t.e.timetable.place(s)
	t.logSchedule(s, func() {
		s.scheduleRow, s.timing, s.progress = old.scheduleRow, old.timing, old.progress
		t.e.timetable.place(s)
	})
}

func (t *tx) logSchedule(s *scheduleState, undo func()) {
	t.log(record{kind: recPutSchedule, data: fullSchedule{s.id, s.scheduleRow, s.progress}}, undo)
}

// setProgress notes what a schedule has fired.
func (t *tx) setProgress(s *scheduleState, p schedule.Progress) {
	old := s.progress
	s.progress = p
	t.e.timetable.place(s)
	t.log(record{kind: recProgress, data: fullSchedule{id: s.id, progress: p}}, func() {
		s.progress = old
		t.e.timetable.place(s)
	})
}

func (t *tx) deleteSchedule(s *scheduleState) {
	t.e.timetable.remove(s)
	t.log(record{kind: recDeleteSchedule, data: fullSchedule{id: s.id}}, func() { t.e.timetable.insert(s) })
}

// fullSchedule is a schedule for the file. What it points to never changes.
type fullSchedule struct {
	id int64
	scheduleRow
	progress schedule.Progress
}

// writeTimetable writes the records of groups and schedules.
func (s *store) writeTimetable(ctx context.Context, r *record) error {
	if row, ok := r.data.(groupRow); ok {
		if r.kind == recDeleteGroup {
			return exec(ctx, s.stmts.deleteGroup, row.Region, row.Name)
		}
		text, err := json.Marshal(row)
		if err != nil {
			return err
		}
		return exec(ctx, s.stmts.putGroup, row.Region, row.Name, string(text))
	}
	one := r.data.(fullSchedule)
	if r.kind == recDeleteSchedule {
		return exec(ctx, s.stmts.deleteSchedule, one.id)
	}
	progress, err := json.Marshal(one.progress)
	if err != nil {
		return err
	}
	if r.kind == recProgress {
		return exec(ctx, s.stmts.progress, string(progress), one.id)
	}
	definition, err := json.Marshal(one.scheduleRow)
	if err != nil {
		return err
	}
	return exec(ctx, s.stmts.putSchedule, one.id, string(definition), string(progress))
}

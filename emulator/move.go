package emulator

import (
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// A move task's states, as ListMessageMoveTasks names them.
const (
	moveRunning   = "RUNNING"
	moveCompleted = "COMPLETED"
	moveCancelled = "CANCELLED"
	moveFailed    = "FAILED"
)

// What a move task without a limit of its own moves at a time, and how often.
const (
	moveBatch       = 50
	movePause       = 100 * time.Millisecond
	maxMoveRate     = 500
	keptMoveTasks   = 10
	reasonNoQueue   = queryPrefix + "NonExistentQueue"
	reasonNoSource  = "CouldNotDetermineMessageSource"
	moveHandleField = "taskId"
)

// moveTask takes the messages of a dead-letter queue back to where they came from, or elsewhere. Guarded by the
// emulator's lock. It is part of the state file: a restart goes on with it.
type moveTask struct {
	ID          string `json:"id"`
	Source      string `json:"source"` // ARN
	Destination string `json:"destination,omitempty"`
	Rate        int32  `json:"rate,omitempty"` // messages a second; 0: as fast as 50 each 100 ms
	Status      string `json:"status"`
	Reason      string `json:"reason,omitempty"`
	Moved       int64  `json:"moved"`
	ToMove      int64  `json:"to_move"`
	Started     int64  `json:"started"` // ms
}

// handle is the task handle of the API.
func (m *moveTask) handle() string {
	b, _ := json.Marshal(map[string]string{moveHandleField: m.ID, "sourceArn": m.Source})
	return base64.StdEncoding.EncodeToString(b)
}

func newMoveTask(source, destination string, rate int32, toMove int) *moveTask {
	return &moveTask{
		ID: uuid.NewString(), Source: source, Destination: destination, Rate: rate,
		Status: moveRunning, ToMove: int64(toMove), Started: nowMilli(),
	}
}

// pace is how many messages go at a time and how long the pause after them is.
func (m *moveTask) pace() (int, time.Duration) {
	if m.Rate == 0 {
		return moveBatch, movePause
	}
	return 1, time.Second / time.Duration(m.Rate)
}

// resumeMoves goes on with what was running when the file was last open.
func (e *Emulator) resumeMoves() {
	for _, m := range e.moves {
		if m.Status == moveRunning {
			e.startMove(m)
		}
	}
}

// startMove runs a task until it is done, cancelled or failed, or the emulator is closed.
func (e *Emulator) startMove(m *moveTask) {
	e.tasks.Add(1)
	go func() {
		defer e.tasks.Done()
		batch, pause := m.pace()
		timer := time.NewTimer(0)
		defer timer.Stop()
		for {
			select {
			case <-e.done:
				return
			case <-timer.C:
			}
			running := false
			err := e.update(func(t *tx) error {
				t.moveSome(m, batch)
				running = m.Status == moveRunning
				return nil
			})
			if err != nil {
				e.cfg.Logger.Warn("moving messages failed; trying again", "source", m.Source, "error", err)
				pause = max(pause, time.Second)
			} else if !running {
				return
			}
			timer.Reset(pause)
		}
	}()
}

// moveSome moves up to n messages that are visible now, and notes how the task stands.
func (t *tx) moveSome(m *moveTask, n int) {
	if m.Status != moveRunning {
		return
	}
	old := *m
	defer func() { t.log(record{kind: recPutMove, data: m.row()}, func() { *m = old }) }()
	from := t.e.byARN(m.Source)
	if from == nil {
		m.Status, m.Reason = moveFailed, reasonNoQueue
		return
	}
	now := nowMilli()
	from.advance(now)
	for range n {
		top := from.ready.top()
		if top == nil {
			m.Status = moveCompleted
			return
		}
		if m.Reason = t.moveOne(m, from, top); m.Reason != "" {
			m.Status = moveFailed
			return
		}
		m.Moved++
	}
	if m.Moved >= m.ToMove && from.ready.top() == nil {
		m.Status = moveCompleted
	}
}

// moveOne moves one message, or says why it can't. A moved message is a new one: it gets a new id and a new time of
// sending, and its receives start over.
func (t *tx) moveOne(m *moveTask, from *queue, old *message) string {
	target := m.Destination
	if target == "" {
		target = old.source
	}
	if target == "" {
		return reasonNoSource
	}
	to := t.e.byARN(target)
	if to == nil {
		return reasonNoQueue
	}
	now := nowMilli()
	t.deleteMessage(from, old)
	t.addMessage(to, &message{
		seq: t.e.newID(), id: uuid.NewString(), body: old.body, bodyMD5: old.bodyMD5, attrs: old.attrs,
		group: old.group, trace: old.trace, sender: old.sender, sentAt: now, delivery: delivery{visibleAt: now},
	})
	return ""
}

package emulator

// journal is the one goroutine that writes to the file. While it commits one group of calls, the next gathers; so the
// more calls there are, the more share a commit.
type journal struct {
	e       *Emulator
	store   *store
	pending []*tx // guarded by e.mu
	wake    chan struct{}
	stopped chan error
	failing bool // the latest commit failed; only run's goroutine uses it
}

func startJournal(e *Emulator, s *store) *journal {
	j := &journal{e: e, store: s, wake: make(chan struct{}, 1), stopped: make(chan error, 1)}
	go j.run()
	return j
}

// enqueue adds a call's changes; e.mu is held, which gives changes in memory and in the file the same order.
func (j *journal) enqueue(t *tx) {
	j.pending = append(j.pending, t)
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

func (j *journal) run() {
	for range j.wake {
		j.flush()
	}
	j.flush()
	j.stopped <- j.store.close()
}

// flush commits what is pending.
func (j *journal) flush() {
	j.e.mu.Lock()
	group := j.pending
	j.pending = nil
	j.e.mu.Unlock()
	if len(group) == 0 {
		return
	}
	if err := j.store.write(group); err != nil {
		j.fail(group, err)
		return
	}
	if j.failing {
		j.failing = false
		j.e.cfg.Logger.Info("the state file can be written again", "path", j.store.path)
	}
	for _, t := range group {
		t.err <- nil
	}
}

// fail takes back a group that could not be committed, and with it all calls that came later: they may have built on
// it, by receiving a message that was never stored, say. Memory then is what the file is.
func (j *journal) fail(group []*tx, err error) {
	j.e.mu.Lock()
	group = append(group, j.pending...)
	j.pending = nil
	for i := len(group) - 1; i >= 0; i-- {
		group[i].rollback()
	}
	j.e.mu.Unlock()
	if !j.failing { // once: clients try again and again while a disk is full
		j.failing = true
		j.e.cfg.Logger.Error("a commit failed; calls that change something are refused until one succeeds", "error", err)
	}
	for _, t := range group {
		t.err <- faultInternal(err)
	}
}

// stop writes what is pending and closes the file. No call may come any more.
func (j *journal) stop() error {
	close(j.wake)
	return <-j.stopped
}

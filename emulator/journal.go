package emulator

import "errors"

type journal struct{}

func (j *journal) enqueue(t *tx) {}
func (j *journal) stop() error   { return nil }

type store struct{}

func openStore(path string) (*store, error)       { return nil, errors.New("not yet") }
func (s *store) close()                           {}
func (e *Emulator) load(s *store) error           { return nil }
func startJournal(e *Emulator, s *store) *journal { return nil }

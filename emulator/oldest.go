package emulator

import (
	"context"
	"time"
)

// OldestMessages returns, for each of the queues that exists, how long ago the oldest message that is not deleted yet was
// sent; 0 for an empty queue. SQS itself tells that to CloudWatch only, as ApproximateAgeOfOldestMessage.
func (e *Emulator) OldestMessages(_ context.Context, queues []string) (map[string]time.Duration, error) {
	ages := map[string]time.Duration{}
	err := e.view(func() error {
		now := nowMilli()
		for _, name := range queues {
			q, ok := e.queues[name]
			if !ok {
				continue
			}
			oldest := now
			for _, m := range q.messages {
				if !q.expired(m, now) {
					oldest = min(oldest, m.sentAt)
				}
			}
			ages[name] = time.Duration(now-oldest) * time.Millisecond
		}
		return nil
	})
	return ages, err
}

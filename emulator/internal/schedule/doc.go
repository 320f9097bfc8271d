// Package schedule is what EventBridge Scheduler knows of one schedule, without a store and without a queue: which
// requests it accepts ([Settle]), when a schedule fires ([Timing], [Progress]), and what it then sends ([NewRequest]).
package schedule

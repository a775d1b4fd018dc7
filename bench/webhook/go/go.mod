module bench/webhook

go 1.26

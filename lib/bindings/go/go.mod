module shmchan

go 1.19

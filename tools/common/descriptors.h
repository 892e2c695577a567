/* SPDX-License-Identifier: MIT */
/* How many descriptors this process may have. */
#ifndef SHMCHAN_DESCRIPTORS_H
#define SHMCHAN_DESCRIPTORS_H

/* Allow as many as the system lets it: each channel that is open needs one. */
void cli_allow_descriptors(void);

#endif

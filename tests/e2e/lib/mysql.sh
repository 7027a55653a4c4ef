# shellcheck shell=bash disable=SC2016 # it is MariaDB that reads it
# Dumps as MySQL's own programs write them, for the cases that import them: there is no MySQL here. Their forms are those of
# mysqldump 8.0 (two steps for a view; for triggers, routines and events the settings of whoever made them) and of 5.7.

# A database `old_forum`, whose tables, view, trigger, routines and event were defined by somebody who is not known here.
mysql8Dump() { # [NAME]
    local name=${1:-old_forum}
    cat <<SQL
-- MySQL dump 10.13  Distrib 8.0.43, for Linux (x86_64)
--
-- Host: localhost    Database: $name
-- ------------------------------------------------------
-- Server version	8.0.43

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET @OLD_CHARACTER_SET_RESULTS=@@CHARACTER_SET_RESULTS */;
/*!40101 SET @OLD_COLLATION_CONNECTION=@@COLLATION_CONNECTION */;
/*!50503 SET NAMES utf8mb4 */;
/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;
/*!40103 SET TIME_ZONE='+00:00' */;
/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;
SET @MYSQLDUMP_TEMP_LOG_BIN = @@SESSION.SQL_LOG_BIN;
SET @@SESSION.SQL_LOG_BIN= 0;

--
-- GTID state at the beginning of the backup 
--

SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ '3e11fa47-71ca-11e1-9e33-c80aa9429562:1-77,
4f22fa47-71ca-11e1-9e33-c80aa9429562:1-5';

--
-- Current Database: \`$name\`
--

CREATE DATABASE /*!32312 IF NOT EXISTS*/ \`$name\` /*!40100 DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci */ /*!80016 DEFAULT ENCRYPTION='N' */;

USE \`$name\`;
SQL
    mysql8Body "$name"
}

mysql8Body() { # NAME
    cat <<'SQL'

--
-- Table structure for table `posts`
--

DROP TABLE IF EXISTS `posts`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!50503 SET character_set_client = utf8mb4 */;
CREATE TABLE `posts` (
  `id` int unsigned NOT NULL AUTO_INCREMENT,
  `author` int unsigned NOT NULL,
  `title` varchar(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_as_cs NOT NULL DEFAULT 'utf8mb4_0900_ai_ci' COMMENT 'DEFINER=`x`@`y`',
  `body` mediumtext COLLATE utf8mb4_0900_bin,
  `raw` varbinary(300) DEFAULT NULL,
  `secret` int DEFAULT NULL /*!80023 INVISIBLE */,
  `note` json DEFAULT NULL,
  `written` datetime NOT NULL DEFAULT '0000-00-00 00:00:00',
  PRIMARY KEY (`id`),
  KEY `author` (`author`),
  CONSTRAINT `posts_author` FOREIGN KEY (`author`) REFERENCES `users` (`id`) ON DELETE CASCADE
) ENGINE=InnoDB AUTO_INCREMENT=9 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `posts`
--

LOCK TABLES `posts` WRITE;
/*!40000 ALTER TABLE `posts` DISABLE KEYS */;
INSERT INTO `posts` (`id`, `author`, `title`, `body`, `raw`, `note`, `written`) VALUES (1,1,'Grüße 🏮','a \'quote\', a \\, a
line;
USE `elsewhere`;
-- Dump completed on 2026-01-01
DELIMITER ;;
CREATE DEFINER=`x`@`y` VIEW v AS SELECT 1; /* utf8mb4_0900_ai_ci',_binary '\0\'\"\\\n\Z�',NULL,'0000-00-00 00:00:00'),(2,2,'LOCK TABLES `posts` WRITE;','SET @@GLOBAL.GTID_PURGED=\'x\';',NULL,'{\"a\": \"*/ # --\"}','2026-01-02 03:04:05');
/*!40000 ALTER TABLE `posts` ENABLE KEYS */;
UNLOCK TABLES;
/*!50003 SET @saved_cs_client      = @@character_set_client */ ;
/*!50003 SET @saved_cs_results     = @@character_set_results */ ;
/*!50003 SET @saved_col_connection = @@collation_connection */ ;
/*!50003 SET character_set_client  = utf8mb4 */ ;
/*!50003 SET character_set_results = utf8mb4 */ ;
/*!50003 SET collation_connection  = utf8mb4_0900_ai_ci */ ;
/*!50003 SET @saved_sql_mode       = @@sql_mode */ ;
/*!50003 SET sql_mode              = 'ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION,TIME_TRUNCATE_FRACTIONAL' */ ;
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=`webmaster`@`10.0.0.%`*/ /*!50003 TRIGGER `count_posts` AFTER INSERT ON `posts` FOR EACH ROW BEGIN
    -- it's counted; DEFINER=`x`@`y`
    UPDATE users SET posts = posts + 1 WHERE id = NEW.author;
END */;;
DELIMITER ;
/*!50003 SET sql_mode              = @saved_sql_mode */ ;
/*!50003 SET character_set_client  = @saved_cs_client */ ;
/*!50003 SET character_set_results = @saved_cs_results */ ;
/*!50003 SET collation_connection  = @saved_col_connection */ ;

--
-- Temporary view structure for view `titles`
--

DROP TABLE IF EXISTS `titles`;
/*!50001 DROP VIEW IF EXISTS `titles`*/;
SET @saved_cs_client     = @@character_set_client;
/*!50503 SET character_set_client = utf8mb4 */;
/*!50001 CREATE VIEW `titles` AS SELECT 
 1 AS `id`,
 1 AS `title`,
 1 AS `name`*/;
SET character_set_client = @saved_cs_client;
/*!50001 DROP VIEW IF EXISTS `all_titles`*/;
/*!50001 CREATE VIEW `all_titles` AS SELECT 
 1 AS `title`*/;

--
-- Table structure for table `users`
--

DROP TABLE IF EXISTS `users`;
CREATE TABLE `users` (
  `id` int unsigned NOT NULL AUTO_INCREMENT,
  `name` varchar(40) COLLATE utf8mb4_0900_ai_ci NOT NULL,
  `posts` int NOT NULL DEFAULT '0',
  `upper_name` varchar(40) COLLATE utf8mb4_0900_ai_ci GENERATED ALWAYS AS (upper(`name`)) VIRTUAL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `name` (`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci;
INSERT INTO `users` (`id`, `name`, `posts`) VALUES (1,'Zoë',1),(2,'x',1);
SQL
    mysql8Programs "$1"
}

mysql8Programs() { # NAME
    cat <<SQL

--
-- Dumping events for database '$1'
--
/*!50106 SET @save_time_zone= @@TIME_ZONE */ ;
/*!50106 DROP EVENT IF EXISTS \`tidy_up\` */;
DELIMITER ;;
/*!50003 SET @saved_cs_client      = @@character_set_client */ ;;
/*!50003 SET character_set_client  = utf8mb4 */ ;;
/*!50003 SET collation_connection  = utf8mb4_0900_ai_ci */ ;;
/*!50003 SET @saved_sql_mode       = @@sql_mode */ ;;
/*!50003 SET sql_mode              = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION' */ ;;
/*!50003 SET @saved_time_zone      = @@time_zone */ ;;
/*!50003 SET time_zone             = 'SYSTEM' */ ;;
/*!50106 CREATE*/ /*!50117 DEFINER=\`webmaster\`@\`10.0.0.%\`*/ /*!50106 EVENT \`tidy_up\` ON SCHEDULE EVERY 1 DAY STARTS '2026-01-01 04:00:00' ON COMPLETION NOT PRESERVE DISABLE DO DELETE FROM posts WHERE title = '' */ ;;
/*!50003 SET time_zone             = @saved_time_zone */ ;;
/*!50003 SET sql_mode              = @saved_sql_mode */ ;;
/*!50003 SET character_set_client  = @saved_cs_client */ ;;
DELIMITER ;
/*!50106 SET TIME_ZONE= @save_time_zone */ ;

--
-- Dumping routines for database '$1'
--
/*!50003 DROP FUNCTION IF EXISTS \`shout\` */;
/*!50003 SET sql_mode              = 'NO_BACKSLASH_ESCAPES' */ ;
DELIMITER ;;
CREATE DEFINER=\`webmaster\`@\`10.0.0.%\` FUNCTION \`shout\`(t varchar(200)) RETURNS varchar(200) CHARSET utf8mb4
    DETERMINISTIC
RETURN CONCAT(UPPER(t), '\\') ;;
DELIMITER ;
/*!50003 SET sql_mode              = @saved_sql_mode */ ;
/*!50003 DROP PROCEDURE IF EXISTS \`rename_user\` */;
DELIMITER ;;
CREATE DEFINER=\`webmaster\`@\`10.0.0.%\` PROCEDURE \`rename_user\`(IN who INT, IN new_name VARCHAR(40))
BEGIN
    # it's done at once;
    UPDATE users SET name = new_name WHERE id = who; /* ; ' */
END ;;
DELIMITER ;
ALTER DATABASE \`$1\` CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci ;

--
-- Final view structure for view \`titles\`
--

/*!50001 DROP VIEW IF EXISTS \`titles\`*/;
/*!50001 SET @saved_cs_client          = @@character_set_client */;
/*!50001 SET character_set_client      = utf8mb4 */;
/*!50001 CREATE ALGORITHM=UNDEFINED */
/*!50013 DEFINER=\`webmaster\`@\`10.0.0.%\` SQL SECURITY DEFINER */
/*!50001 VIEW \`titles\` AS select \`p\`.\`id\` AS \`id\`,\`shout\`(\`p\`.\`title\`) AS \`title\`,\`u\`.\`name\` AS \`name\` from (\`posts\` \`p\` join \`users\` \`u\` on((\`u\`.\`id\` = \`p\`.\`author\`))) */;
/*!50001 SET character_set_client      = @saved_cs_client */;
/*!50001 DROP VIEW IF EXISTS \`all_titles\`*/;
/*!50001 CREATE ALGORITHM=UNDEFINED */
/*!50013 DEFINER=\`root\`@\`localhost\` SQL SECURITY DEFINER */
/*!50001 VIEW \`all_titles\` AS select \`titles\`.\`title\` AS \`title\` from \`titles\` */;
SET @@SESSION.SQL_LOG_BIN = @MYSQLDUMP_TEMP_LOG_BIN;
/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;

/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;
/*!40014 SET FOREIGN_KEY_CHECKS=@OLD_FOREIGN_KEY_CHECKS */;
/*!40014 SET UNIQUE_CHECKS=@OLD_UNIQUE_CHECKS */;
/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;
/*!40101 SET CHARACTER_SET_RESULTS=@OLD_CHARACTER_SET_RESULTS */;
/*!40101 SET COLLATION_CONNECTION=@OLD_COLLATION_CONNECTION */;
/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;

-- Dump completed on 2026-01-02  3:04:05
SQL
}

# As 5.7 has it in latin1: the old form of a view's first step, a mode that is gone elsewhere.
mysql57Dump() {
    printf '%s\n' '-- MySQL dump 10.13  Distrib 5.7.44, for Linux (x86_64)' '/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;' \
        '/*!40101 SET NAMES latin1 */;' "/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_CREATE_USER,NO_AUTO_VALUE_ON_ZERO' */;" \
        'CREATE TABLE `words` (`id` int(11) NOT NULL, `word` varchar(20) DEFAULT NULL, PRIMARY KEY (`id`)) ENGINE=MyISAM DEFAULT CHARSET=latin1;'
    printf 'INSERT INTO `words` VALUES (1,%s);\n' $'\'Gr\xf6\xdfe\''
    printf '%s\n' '/*!50001 CREATE TABLE `view_of_words` (`word` tinyint NOT NULL) ENGINE=MyISAM */;' '/*!50001 DROP TABLE IF EXISTS `view_of_words`*/;' \
        '/*!50001 CREATE ALGORITHM=UNDEFINED */' '/*!50013 DEFINER=`root`@`localhost` SQL SECURITY INVOKER */' \
        '/*!50001 VIEW `view_of_words` AS select `words`.`word` AS `word` from `words` */;' \
        '/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;' '/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;' '' \
        '-- Dump completed on 2026-01-02  3:04:05'
}
